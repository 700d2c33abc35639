"""Reading fields that somebody else wrote: missing ones are empty, numbers fit, text can be written."""

from __future__ import annotations

import json
import math
from typing import Any

_MOST = 2**31 - 1
# What Python reads, and JSON does not know: some endpoints send it as the logarithm of nothing.
_JSON = json.JSONDecoder(parse_constant=lambda _: None)


def decode(data: bytes) -> dict[str, Any]:
    """Return the object in an event's data. Raises ValueError if it is no JSON object."""
    try:
        # A broken character is no reason to lose the answer around it.
        value = _JSON.decode(data.decode(errors="replace"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValueError("the data is no JSON object")
    return value


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


def count_of(value: object) -> int:
    """Return a count between 0 and the largest that an event can hold; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return min(max(int(value), 0), _MOST)
