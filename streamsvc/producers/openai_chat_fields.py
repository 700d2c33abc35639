"""Reading fields that somebody else wrote: missing ones are empty, numbers fit, text can be written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

_MOST = 2**31 - 1


def object_of(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one for null. Raises ValueError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("there is something else where an object should be")
    return value


def objects_of(value: object) -> list[dict[str, Any]]:
    """Return a list of JSON objects; an empty one for null. Raises ValueError for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("there is something else where a list should be")
    return [object_of(item) for item in value]


def text_of(value: object) -> str:
    """Return a text; an empty one for null. Raises ValueError for anything else.

    Halves of a surrogate pair, which JSON can hold and UTF-8 cannot, become U+FFFD.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError("there is something else where a text should be")
    if value.isascii():
        return value
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def content_of(value: object) -> Sequence[tuple[str, str]]:
    """Return the pieces of a message's content, each as `text` or `reasoning` and what it says.

    Most endpoints send one text. Mistral sends a list of blocks once its model reasons; those that are neither text
    nor thoughts are left out. Raises ValueError for anything else.
    """
    if not isinstance(value, list):
        return (("text", text_of(value)),)
    return [piece for block in objects_of(value) for piece in _piece_of(block)]


def _piece_of(block: dict[str, Any]) -> Sequence[tuple[str, str]]:
    match block.get("type"):
        case "text":
            return (("text", text_of(block.get("text"))),)
        case "thinking":
            return (("reasoning", "".join(text for _, text in content_of(block.get("thinking")))),)
    return ()


def count_of(value: object) -> int:
    """Return a count between 0 and the largest that an event can hold; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return min(max(int(value), 0), _MOST)
