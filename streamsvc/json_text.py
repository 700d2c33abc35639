"""JSON that a caller wrote into a request: an object, and one that can be sent on."""

from __future__ import annotations

import json
from typing import Any

from streamsvc.errors import FieldInvalid


def json_object(field: str, text: str) -> dict[str, Any]:
    """Return the JSON object in `text`, an empty one for empty text. Raises FieldInvalid for anything else."""
    if not text:
        return {}
    try:
        value = json.loads(text)
        # Python reads what no upstream would take: NaN, and halves of a surrogate pair.
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise FieldInvalid.of(field, "is not JSON; leave it empty for none") from None
    if not isinstance(value, dict):
        raise FieldInvalid.of(field, f"must be a JSON object, such as {{}}, not {type(value).__name__}")
    return value
