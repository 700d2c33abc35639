"""Generates docs/errors.md and docs/settings.md from the code, or with --check tells whether they are up to date."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from streamsvc.errors import all_errors
from streamsvc.settings import PREFIX, Settings, show

DOCS = Path(__file__).resolve().parent.parent / "docs"

ERRORS = """# Errors

Every RPC error is a `google.rpc.Status` with an `ErrorInfo` of domain `streamsvc`; every value that its message
mentions is in its metadata too. `BadRequest` names the fields of an INVALID_ARGUMENT, `RetryInfo` the wait (jittered)
of an UNAVAILABLE or RESOURCE_EXHAUSTED. Made from `streamsvc/errors.py` by `make docs`.

| reason | code | what happened | what to do |
|---|---|---|---|
"""

SETTINGS = """# Settings

The command line wins over the environment, that over `streamsvc.toml` in the working directory, that over the
default. A setting `name_of_it` is `--name-of-it` on the command line, `{prefix}NAME_OF_IT` in the environment and
`name_of_it` in the file. Durations are written `250ms`, `10s`, `5m`, `1h`, `7d` or as a number of seconds; sizes
`64KiB`, `1MiB`, `1GiB` or as a number of bytes. `streamsvc serve --print-config` shows what is in force, and where it
comes from. Made from `streamsvc/settings.py` by `make docs`.

| setting | default | meaning |
|---|---|---|
"""


def errors() -> str:
    """Return docs/errors.md."""
    rows = [
        f"| {cls.reason} | {cls.code} | {(inspect.getdoc(cls) or '').splitlines()[0]} | {cls.advice} |"
        for cls in all_errors()
        if cls.__module__ == "streamsvc.errors"
    ]
    return ERRORS + "\n".join(rows) + "\n"


def settings() -> str:
    """Return docs/settings.md."""
    rows = [
        f"| `{name}` | {show(field.default)} | {field.description} |" for name, field in Settings.model_fields.items()
    ]
    return SETTINGS.format(prefix=PREFIX) + "\n".join(rows) + "\n"


def main() -> int:
    """Write the files, or compare them."""
    stale = []
    for name, text in (("errors.md", errors()), ("settings.md", settings())):
        path = DOCS / name
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(f"docs/{name}")
    if stale:
        print(f"not up to date: {', '.join(stale)}; run `make docs`")
    return len(stale)


if __name__ == "__main__":
    sys.exit(main())
