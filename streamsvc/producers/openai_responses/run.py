"""A run that goes on at the upstream when nobody listens: where it was read to, and what was said since then."""

from __future__ import annotations

import json
from dataclasses import dataclass

from streamsvc.fold import growing_text
from streamsvc.producers.said import Said
from streamsvc.v1 import content_pb2, event_pb2, state_pb2


@dataclass(slots=True)
class Run:
    """A run, and the last place in it at which no part was open: there it can be taken up again.

    Events up to the number `after` are told, and have opened `parts` parts. `passing` counts those since then that no
    state shows.
    """

    id: str = ""
    after: int = -1
    parts: int = 0
    passing: int = 0
    newest: int = -1

    @classmethod
    def of(cls, note: bytes) -> Run | None:
        """Return the run that `note` tells of, None if it tells of none."""
        known = json.loads(note) if note else {}
        return cls(**known, newest=known["after"]) if "id" in known else None

    def note(self) -> bytes:
        """Return what an attempt needs that takes the run up again."""
        return json.dumps({"id": self.id, "after": self.after, "parts": self.parts, "passing": self.passing}).encode()

    def reached(self, number: object) -> None:
        """Hear the number of an event."""
        if isinstance(number, int):
            self.newest = number

    def at_boundary(self, parts: int) -> bytes:
        """Hear that all is told, and no part is open. Returns the note."""
        if self.newest >= 0:  # else it can only be told from its start
            self.after, self.parts, self.passing = self.newest, parts, 0
        return self.note()

    def passed(self) -> bytes:
        """Hear that the next event is one that no state shows. Returns the note."""
        self.passing += 1
        return self.note()

    def said(self) -> Said:
        """Return what an answer begins with that is told from the boundary on."""
        return Said(kept=self.parts)


class Overlap:
    """Leaves out what a state shows already of events that are told once more.

    The same stream of a run makes the same events each time, but for how deltas are cut.
    """

    def __init__(self, state: state_pb2.JobState, passing: int) -> None:
        self._state = state
        self._steps = {step.id: step for step in state.steps}
        self._custom = {(custom.name, custom.key): custom.json for custom in state.custom}
        self._left = [len(growing_text(part)) for part in state.parts]
        self._sources = [len(part.text.citations) for part in state.parts]
        self._passing = passing

    def new(self, event: event_pb2.Event) -> event_pb2.Event | None:
        """Return what is new in the next event, None if nothing is."""
        kind = event.WhichOneof("payload") or ""
        if kind in _TEXT:
            return self._rest(event, kind)
        return None if self._is_told(kind, event) else event

    def _rest(self, event: event_pb2.Event, kind: str) -> event_pb2.Event | None:
        delta, field = getattr(event, kind), _TEXT[kind]
        part, text = delta.part_index, getattr(delta, field)
        left = self._left[part] if part < len(self._left) else 0
        if not left:
            return event
        self._left[part] = max(0, left - len(text))
        if left >= len(text):
            return None
        setattr(delta, field, text[left:])
        return event

    def _is_told(self, kind: str, event: event_pb2.Event) -> bool:
        match kind:
            case "part_started":
                return event.part_started.part.index < len(self._state.parts)
            case "part_completed":
                return self._part(event.part_completed.part_index).completed
            case "part_replaced":
                return self._is_newer(event.part_replaced.part)
            case "tool_call_updated":
                return self._part(event.tool_call_updated.part_index).tool_call.status >= event.tool_call_updated.status
            case "citation_added":
                return self._is_cited(event.citation_added.part_index)
            case "usage_updated":
                return bool(self._state.usage_entries)
            case "custom":
                return self._is_kept(event.custom)
        return kind.startswith("run_step_") and self._is_step_told(kind, event)

    def _part(self, index: int) -> content_pb2.ContentPart:
        return self._state.parts[index] if index < len(self._state.parts) else content_pb2.ContentPart()

    def _is_newer(self, part: content_pb2.ContentPart) -> bool:
        known = self._part(part.index)
        return known.completed or known == part

    def _is_cited(self, part: int) -> bool:
        if part >= len(self._sources) or not self._sources[part]:
            return False
        self._sources[part] -= 1
        return True

    def _is_kept(self, custom: event_pb2.CustomEvent) -> bool:
        if custom.key:
            return self._custom.get((custom.name, custom.key)) == custom.json
        self._passing -= 1
        return self._passing >= 0

    def _is_step_told(self, kind: str, event: event_pb2.Event) -> bool:
        change = getattr(event, kind)
        known = self._steps.get(change.step_id if kind == "run_step_completed" else change.step.id)
        if known is None or kind == "run_step_created":
            return known is not None
        is_ended = known.status != content_pb2.RUN_STEP_STATUS_RUNNING
        return is_ended or (kind == "run_step_updated" and known.detail_json == change.step.detail_json)


_TEXT = {"text_delta": "text", "reasoning_delta": "text", "tool_call_delta": "arguments_json"}
