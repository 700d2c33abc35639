"""Tool calls put together from the fragments in which an answer brings them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from streamsvc.producers.openai_chat_fields import object_of, text_of
from streamsvc.producers.parts import Parts, part_completed, tool_call_delta, tool_call_updated
from streamsvc.v1 import content_pb2, event_pb2


class ToolCalls:
    """Tells which call a fragment belongs to, and opens calls as they come.

    By the book a fragment names its call by `index`, and the first one brings id and name. Endpoints leave the index
    out (then the id tells, or the name, or the order), give every call the index 0 (then a new id with a name tells),
    repeat id and name in each fragment, or give no id at all.

    Calls stay open until `close`: parallel calls interleave, and some endpoints put a line break of text between two
    fragments.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._calls: list[_Call] = []

    def __len__(self) -> int:
        """Return how many calls there are."""
        return len(self._calls)

    def add(self, fragment: Mapping[str, Any]) -> Iterator[event_pb2.Event]:
        """Yield the events of one fragment. Raises ValueError if it is malformed."""
        function = object_of(fragment.get("function"))
        number, upstream_id = fragment.get("index"), text_of(fragment.get("id"))
        name, arguments = text_of(function.get("name")), _arguments(function.get("arguments"))
        call = self._latest(number, upstream_id)
        if call is None or call.is_followed_by(upstream_id, name, arguments):
            call_id = self._free_id(upstream_id)
            part, opened = self._parts.start_tool_call(call_id, name, content_pb2.TOOL_RUNNER_CALLER)
            call = _Call(part, number, upstream_id, call_id, name)
            self._calls.append(call)
            yield opened
        if arguments:
            call.arguments.append(arguments)
            yield tool_call_delta(call.part, arguments)

    def close(self, *, cut_off: bool) -> Iterator[event_pb2.Event]:
        """Yield the events that end the calls. In an answer that was cut off, a call without whole arguments stays."""
        for call in self._calls:
            if cut_off and not call.is_whole():
                continue
            yield tool_call_updated(call.part, content_pb2.TOOL_CALL_STATUS_READY)
            yield part_completed(call.part)

    def _latest(self, number: object, upstream_id: str) -> _Call | None:
        if isinstance(number, int):
            return next((call for call in reversed(self._calls) if call.number == number), None)
        known = next((call for call in self._calls if upstream_id and call.upstream_id == upstream_id), None)
        return known or (self._calls[-1] if self._calls else None)

    def _free_id(self, upstream_id: str) -> str:
        """Return the upstream's id, or one made of the call's number if there is none or it is taken."""
        used = {call.call_id for call in self._calls}
        if upstream_id and upstream_id not in used:
            return upstream_id
        made = (f"call_{number}" for number in count(len(self._calls)))
        return next(call_id for call_id in made if call_id not in used)


class _Call:
    def __init__(self, part: int, number: object, upstream_id: str, call_id: str, name: str) -> None:
        self.part = part
        self.number = number
        self.upstream_id = upstream_id
        self.call_id = call_id
        self.name = name
        self.arguments: list[str] = []

    def is_followed_by(self, upstream_id: str, name: str, arguments: str) -> bool:
        """Tell whether a fragment that seems to belong to this call begins another one."""
        if not name:
            return False
        if upstream_id and self.upstream_id:
            return upstream_id != self.upstream_id
        return name != self.name or (bool(arguments) and self.is_whole())

    def is_whole(self) -> bool:
        """Tell whether the arguments are a whole JSON text."""
        try:
            json.loads("".join(self.arguments))
        except (ValueError, RecursionError):
            return False
        return True


def _arguments(value: object) -> str:
    """Return the fragment's text. A few endpoints send the arguments whole, and as JSON instead of text."""
    return json.dumps(value) if isinstance(value, dict) else text_of(value)
