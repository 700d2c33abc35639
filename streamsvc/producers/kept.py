"""What an upstream needs to get back with a part: written beside it, and read again in the next request."""

from __future__ import annotations

import json
from typing import Any

from streamsvc.json_text import json_object


class Kept:
    """What one family of producers keeps in `upstream_json`: a JSON object under the family's name.

    So an answer can be given to a producer of another family: that finds nothing of its own there. A caller may write
    there too, and so give a part what this service has no field for, such as Anthropic's `cache_control`.

    >>> Kept("anthropic").text({"signature": "c2ln"})
    '{"anthropic":{"signature":"c2ln"}}'
    >>> Kept("anthropic").read("parts[0]", '{"anthropic":{"signature":"c2ln"}}')
    {'signature': 'c2ln'}
    """

    def __init__(self, family: str) -> None:
        self._family = family

    def text(self, fields: dict[str, Any]) -> str:
        """Return the text that keeps `fields`; an empty one for none."""
        return compact({self._family: fields}) if fields else ""

    def read(self, path: str, text: str) -> dict[str, Any]:
        """Return the family's fields in `text`. Raises FieldInvalid if it is no JSON object, naming `path`."""
        fields = json_object(f"{path}.upstream_json", text).get(self._family) if text else None
        return fields if isinstance(fields, dict) else {}


def compact(value: object) -> str:
    """Return JSON text without white space, that UTF-8 can hold."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    # Halves of a surrogate pair stand in JSON as escapes only.
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
