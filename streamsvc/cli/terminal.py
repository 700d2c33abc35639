"""The terminal: whether there is one, what may be written to it, and keys that it does not echo meanwhile."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

try:
    import termios
except ImportError:  # not a POSIX system: keys are echoed
    termios = None  # type: ignore[assignment]

# Of all control characters only these lay text out. The others may be commands to a terminal, and whoever has a model
# say what he wants could move the cursor, rename the window or hide what stands there.
_HARMLESS = "\n\t"
_COMMANDS = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _HARMLESS}
_COMMANDS[ord("\r")] = ""


def printable(text: str) -> str:
    r"""Return `text` without what a terminal would take for a command.

    >>> printable("a\x1b[2Jb\r\n")
    'a\ufffd[2Jb\n'
    """
    return text.translate(_COMMANDS)


def one_line(text: str, limit: int = 0) -> str:
    """Return `text` on one line, with an ellipsis if it has more than `limit` characters."""
    line = " ".join(printable(text[: 4 * limit] if limit else text).split())
    return f"{line[: limit - 1]}…" if limit and len(line) > limit else line


def say(text: str) -> None:
    """Say something about the command itself, on standard error."""
    typer.echo(f"streamsvc: {printable(text)}", err=True)


def on_terminal() -> bool:
    """Tell whether standard output is a terminal that can be painted on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


@contextmanager
def silent_keys() -> Iterator[None]:
    """Keep the terminal from echoing keys: `^C` or an empty line would land in what is being painted."""
    terminal = next((stream.fileno() for stream in (sys.stderr, sys.stdout) if stream.isatty()), None)
    # A process in the background that changes the terminal is stopped.
    if termios is None or terminal is None or os.tcgetpgrp(terminal) != os.getpgrp():
        yield
        return
    before = termios.tcgetattr(terminal)
    silent = termios.tcgetattr(terminal)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
