"""The newest part of a long answer, small enough to be laid out many times a second."""

from __future__ import annotations

import re

from streamsvc.fold import growing_text, set_growing_text
from streamsvc.v1 import state_pb2

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_SPARE = 3
"""Of Markdown's source not all is seen, such as marks: so many times of what fits is kept."""
_KEPT = 4
"""How many steps, errors and sources are kept."""


def newest(state: state_pb2.JobState, columns: int, rows: int) -> bool:
    """Cut `state` in place to what may fit on a screen. Returns whether something was left out."""
    left = columns * rows * _SPARE
    parts = state.parts
    first, cut = len(parts), False
    while first > 0 and left > 0 and len(parts) - first < rows:
        first -= 1
        text = growing_text(parts[first])
        end = end_of(text, left, rows * _SPARE)
        if len(end) < len(text):
            set_growing_text(parts[first], end)
            cut = True
        left -= len(text)
    del parts[:first]
    for part in parts:
        # Only to touch the text of another kind of part would make a text of it.
        if part.HasField("text"):
            del part.text.citations[:-_KEPT]
    del state.steps[:-_KEPT], state.errors[:-_KEPT]
    return cut or first > 0


def end_of(text: str, characters: int, lines: int) -> str:
    """Return about the last `characters` of a Markdown text, or its last `lines`, whichever is less.

    It begins with a paragraph or a line, if there is one. A block of code that the cut goes through is opened again.
    """
    start = max(0, len(text) - characters, _begin_of(text, lines))
    if start == 0:
        return text
    room = len(text) - start
    fence = _open_fence(text, start)
    for mark in ("\n", " ") if fence else ("\n\n", "\n", " "):
        found = text.find(mark, start - 1)
        if 0 <= found < start + room // 2:
            start = found + len(mark)
            break
    # The cut may have moved over the end of the block.
    fence = _open_fence(text, start)
    return f"{fence}\n{text[start:]}" if fence else text[start:]


def _begin_of(text: str, lines: int) -> int:
    """Return where the last `lines` begin."""
    at = len(text)
    for _ in range(lines):
        at = text.rfind("\n", 0, at)
        if at < 0:
            return 0
    return at + 1


def _open_fence(text: str, end: int) -> str:
    """Return the line that opened the block of code at `end`, an empty one outside of code."""
    opened: re.Match[str] | None = None
    for found in _FENCE.finditer(text, 0, end):
        if opened is None:
            opened = found
        elif found[1][0] == opened[1][0] and len(found[1]) >= len(opened[1]) and found[0].strip() == found[1]:
            opened = None
    return opened[0] if opened else ""
