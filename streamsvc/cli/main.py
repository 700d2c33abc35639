"""The command line: one app, each command in a module of its own."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from streamsvc.cli import answer, follow, health, jobs, publish, serve_command, start, watch
from streamsvc.cli.options import examples

_HELP = """Ask language models; no answer is lost.

An answer is a job of a service: leave, and take it up again from any terminal.
"""
_EPILOG = examples(
    "streamsvc serve                           # in one terminal",
    'streamsvc start "Why is the sky blue?"    # in another one',
)

_ASK, _JOBS, _SERVICE = "Ask", "Jobs", "Service"

app = typer.Typer(
    name="streamsvc",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help=_HELP,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _add(name: str, panel: str, function: Callable[..., None], epilog: str) -> None:
    # In the help each paragraph of the docstring is broken anew, as wide as the terminal is.
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    help_text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    app.command(name, rich_help_panel=panel, help=help_text, epilog=epilog)(function)


_add("start", _ASK, start.start, start.EPILOG)
_add("follow", _ASK, follow.follow, follow.EPILOG)
_add("answer", _ASK, answer.answer, answer.EPILOG)
_add("publish", _ASK, publish.publish, publish.EPILOG)
_add("list", _JOBS, jobs.list_jobs, jobs.LIST_EPILOG)
_add("watch", _JOBS, watch.watch, watch.EPILOG)
_add("state", _JOBS, jobs.state, jobs.STATE_EPILOG)
_add("cancel", _JOBS, jobs.cancel, jobs.CANCEL_EPILOG)
_add("delete", _JOBS, jobs.delete, jobs.DELETE_EPILOG)
_add("serve", _SERVICE, serve_command.command(), serve_command.EPILOG)
_add("health", _SERVICE, health.health, health.EPILOG)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("streamsvc"))
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, metavar="", help="Print the version.", show_default=False
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows another one; the answer goes on.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="streamsvc")
