"""JSON that a caller wrote: a value, or an object, and one that can be sent on."""

from __future__ import annotations

import json
from typing import Any

from streamsvc.errors import FieldInvalid


def json_value(text: str) -> Any:
    """Return the JSON value in `text`. Raises ValueError if it is none, or none that others read too."""
    try:
        value = json.loads(text)
        # Python reads what nobody else would take: NaN, and halves of a surrogate pair.
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def json_object(field: str, text: str) -> dict[str, Any]:
    """Return the JSON object in `text`, an empty one for empty text. Raises FieldInvalid for anything else."""
    if not text:
        return {}
    try:
        value = json_value(text)
    except ValueError:
        raise FieldInvalid.of(field, "is not JSON; leave it empty for none") from None
    if not isinstance(value, dict):
        raise FieldInvalid.of(field, f"must be a JSON object, such as {{}}, not {type(value).__name__}")
    return value
