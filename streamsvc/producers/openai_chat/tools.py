"""Tool calls put together from the fragments in which a chat completion brings them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from streamsvc.producers.answer import Answer
from streamsvc.producers.calls import Call
from streamsvc.producers.fields import object_of, text_of

_KNOWN = frozenset({"index", "id", "type", "function"})


class ToolCalls:
    """Tells which call a fragment belongs to, and opens calls as they come.

    By the book a fragment names its call by `index`, and the first one brings id and name. Endpoints leave the index
    out (then the id tells, or the name, or the order), give every call the index 0 (then a new id with a name tells),
    repeat id and name in each fragment, or give no id at all.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._calls: list[tuple[object, Call]] = []

    def add(self, fragment: Mapping[str, Any]) -> None:
        """Read one fragment. Raises ValueError if it is malformed."""
        function = object_of(fragment.get("function"))
        number, upstream_id = fragment.get("index"), text_of(fragment.get("id"))
        name, arguments = text_of(function.get("name")), _arguments(function.get("arguments"))
        # Some endpoints put a line break of text between two fragments: it closes here what it opened.
        self._answer.pass_seam()
        self._answer.close()
        call = self._latest(number, upstream_id)
        if call is None or _is_followed(call, upstream_id, name, arguments):
            call = self._answer.call(upstream_id, name)
            self._calls.append((number, call))
        # Gemini's signatures, for one.
        call.kept |= {name: value for name, value in fragment.items() if name not in _KNOWN and value is not None}
        self._answer.argue(call, arguments)

    def _latest(self, number: object, upstream_id: str) -> Call | None:
        if isinstance(number, int):
            return next((call for place, call in reversed(self._calls) if place == number), None)
        known = next((call for _, call in self._calls if upstream_id and call.upstream_id == upstream_id), None)
        return known or (self._calls[-1][1] if self._calls else None)


def _is_followed(call: Call, upstream_id: str, name: str, arguments: str) -> bool:
    """Tell whether a fragment that seems to belong to `call` begins another one."""
    if not name:
        return False
    if upstream_id and call.upstream_id:
        return upstream_id != call.upstream_id
    return name != call.name or (bool(arguments) and call.is_whole())


def _arguments(value: object) -> str:
    """Return the fragment's text. A few endpoints send the arguments whole, and as JSON instead of text."""
    return json.dumps(value) if isinstance(value, dict) else text_of(value)
