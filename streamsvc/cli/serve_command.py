"""`streamsvc serve` as the command line has it: an option for every setting."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo
from rich.markup import escape

from streamsvc.cli.options import examples
from streamsvc.settings import Settings, show

EPILOG = examples(
    "streamsvc serve",
    "streamsvc serve --listen 0.0.0.0:50051 --retention 1d",
    "OPENAI_API_KEY=sk-... streamsvc serve",
    "streamsvc serve --store redis://127.0.0.1:6379",
    "streamsvc serve --print-config",
)

NO_OPTIONS = ("upstreams", "redis_password", "redis_sentinel_password")
"""What is too much for a command line, or would be seen there by everybody on the machine."""


def command() -> Callable[..., None]:
    """Return the command, with its options as typer reads them from a signature."""

    def run(**given: Any) -> None:
        """Run the service until it is stopped with Ctrl-C or SIGTERM.

        An option wins over the environment (STREAMSVC_LISTEN and so on), that over `streamsvc.toml` in this folder,
        which names the models' APIs, too. Without any of them `scripted` answers: it needs no model.
        """
        # Only here: the service and the libraries for the models' APIs take half a second to import, and every other
        # command would wait for them.
        from streamsvc.cli.serve import serve

        serve(**given)

    help_text = "Print every option with its value, source and meaning, and exit."
    print_config = typer.Option("--print-config", metavar="", help=help_text, show_default=False)
    parameters = [_parameter("print_config", Annotated[bool, print_config], False)]
    for name, field in Settings.model_fields.items():
        if name not in NO_OPTIONS:
            parameters.append(_parameter(name, _annotation(name, field), None))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _annotation(name: str, field: FieldInfo) -> Any:
    meaning = escape(field.description or "")
    text = f"{meaning[:1].upper()}{meaning[1:]}. [default: {show(field.default)}]"
    word = name.replace("_", "-")
    if field.annotation in (bool, bool | None):
        flag = typer.Option(f"--{word}/--no-{word}", metavar="", help=text, show_default=False)
        return Annotated[bool | None, flag]
    option = typer.Option(f"--{word}", metavar="VALUE", help=text, show_default=False)
    return Annotated[str | None, option]


def _parameter(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
