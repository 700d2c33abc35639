"""The tool calls of one answer that its caller is to run: opened as they come, and closed with its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from streamsvc.producers.kept import Kept
from streamsvc.producers.parts import part_completed, tool_call_updated
from streamsvc.v1 import content_pb2, event_pb2


@dataclass(slots=True)
class Call:
    """One call: its part, what the upstream calls it by, its arguments so far, and what has to go back with it."""

    part: int
    call_id: str
    name: str
    upstream_id: str
    arguments: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    ended: bool = False

    def is_whole(self) -> bool:
        """Tell whether the arguments are a whole JSON text."""
        try:
            json.loads("".join(self.arguments))
        except (ValueError, RecursionError):
            return False
        return True


class Calls:
    """Calls stay open until `close`: parallel ones interleave, and which is the last is known with the answer's end.

    `keep` writes what has to go back with a call.
    """

    def __init__(self, keep: Kept) -> None:
        self._keep = keep
        self.all: list[Call] = []

    def free_id(self, upstream_id: str) -> str:
        """Return the upstream's id, or one made of the call's number if there is none or it is taken."""
        used = {call.call_id for call in self.all}
        if upstream_id and upstream_id not in used:
            return upstream_id
        made = (f"call_{number}" for number in count(len(self.all)))
        return next(call_id for call_id in made if call_id not in used)

    def close(self, *, cut_off: bool) -> Iterator[event_pb2.Event]:
        """Yield the events that end the calls. In an answer that was cut off, a call without whole arguments stays."""
        for call in self.all:
            if cut_off and not call.ended and not call.is_whole():
                continue
            yield tool_call_updated(call.part, content_pb2.TOOL_CALL_STATUS_READY)
            yield part_completed(call.part, self._keep.text(call.kept))
