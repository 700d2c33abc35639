"""An answer as an AG-UI agent says it: beside what all frameworks say, activities that change, and sealed values."""

from __future__ import annotations

import json
from typing import Any

from streamsvc.adapters.saying import Saying
from streamsvc.v1 import content_pb2, event_pb2, state_pb2


class Said(Saying):
    """The events of one answer. An agent that is asked again begins anew, and takes the place of `so_far`."""

    def __init__(self, so_far: state_pb2.JobState) -> None:
        super().__init__(so_far, kept=())
        self._shown: dict[str, int] = {}
        self._places: dict[str, int] = {}
        self._seals: dict[str, str] = {}

    def thought(self, key: str, step: str) -> None:
        """Begin reasoning that may hold nothing but what is sealed."""
        self._part(key, content_pb2.ContentPart(step_id=step, reasoning=content_pb2.ReasoningPart()))

    def activity(self, key: str, name: str, content: Any, step: str, *, replace: bool = True) -> None:
        """Show data; in the place of what was shown under the same key, if it is to be replaced."""
        data = content_pb2.DataPart(name=name, json=json.dumps(content))
        part = content_pb2.ContentPart(step_id=step, data=data, completed=True)
        if key not in self._shown:
            self._start(part)
            self._shown[key] = part.index
        elif replace:
            part.index = self._shown[key]
            self._say(part_replaced=event_pb2.PartReplaced(part=part))

    def seal(self, key: str, value: str) -> None:
        """Keep with a part what the agent needs back, at once or when it closes. Nothing happens if there is none."""
        if key in self._open:
            self._seals[key] = json.dumps({"encryptedValue": value})
        elif key in self._places:
            sealed = json.dumps({"encryptedValue": value})
            index = self._places[key]
            self._say(part_completed=event_pb2.PartCompleted(part_index=index, upstream_json=sealed))

    def close(self, key: str) -> None:
        """Say that nothing more is added to a part, and what is sealed with it."""
        if part := self._open.get(key):
            self._places[key] = part.index
            super().close(key)
            if sealed := self._seals.pop(key, ""):
                self._say(part_completed=event_pb2.PartCompleted(part_index=part.index, upstream_json=sealed))
