"""What is asked: from the command's words, from standard input, and from files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from streamsvc.cli.errors import Mistake

MAX_BYTES = 16 * 1024 * 1024
"""No service takes so much; it keeps a wrong path, such as that of a device, from filling the memory."""

STANDARD_INPUT = "-"


def prompt_of(words: str | None, files: Sequence[str], stdin: BinaryIO | None = None) -> str:
    """Return the prompt with the files below it. Raises Mistake if there is none, or a file that is no text."""
    source = sys.stdin.buffer if stdin is None else stdin
    piped = not source.isatty()
    if (words == STANDARD_INPUT) + list(files).count(STANDARD_INPUT) > 1:
        raise Mistake("standard input can be read once only: give `-` as the prompt or as one --file")
    if words == STANDARD_INPUT or (words is None and piped and STANDARD_INPUT not in files):
        words = _text(_read(source), "standard input")
    elif words is None and not files:
        raise Mistake('nothing to ask: write the prompt, as in `streamsvc start "Why is the sky blue?"`, or pipe it in')
    asked = [words.strip("\n")] if words and words.strip() else []
    attached = [_attached(name, source) for name in files]
    if not asked and not attached:
        raise Mistake("the prompt is empty: write what to ask, or pipe it in")
    return "\n\n".join([*asked, *attached])


def _attached(name: str, stdin: BinaryIO) -> str:
    """Return a file with its name, marked so that a model sees where it begins and ends."""
    if name == STANDARD_INPUT:
        shown, text = "standard input", _text(_read(stdin), "standard input")
    else:
        path = Path(name)
        # Where a file lies on this machine is nobody's business; a relative path says how files belong together.
        shown, text = path.name if path.is_absolute() else path.as_posix(), _text(_content(path), name)
    if not text.strip():
        raise Mistake(f"{name} is empty: leave out this --file, or choose another")
    end = "" if text.endswith("\n") else "\n"
    return f'<file name="{shown}">\n{text}{end}</file>'


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _read(file, str(path))
    except FileNotFoundError:
        raise Mistake(f"cannot read {path}: there is no such file; check the path after --file") from None
    except IsADirectoryError:
        raise Mistake(f"cannot read {path}: it is a folder; name its files, each with a --file") from None
    except OSError as error:
        raise Mistake(f"cannot read {path}: {error.strerror}; check the path after --file") from None


def _read(source: BinaryIO, name: str = "standard input") -> bytes:
    data = source.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Mistake(f"{name} has more than {MAX_BYTES // 1024**2} MiB: give a part of it")
    return data


def _text(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Mistake(f"{name} is no text in UTF-8: give the model text, such as what a converter makes of it")
    return text
