"""Whether events that somebody else publishes fit the log they are for: judged by an outline of what it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from streamsvc.errors import EventInvalid
from streamsvc.jobs.answers import MAX_ANSWERS
from streamsvc.jobs.requests import MAX_ID
from streamsvc.json_text import json_value
from streamsvc.v1 import event_pb2, state_pb2

FINAL_KINDS = frozenset({"job_completed", "job_failed", "job_cancelled"})
"""Payloads that close a log."""

_SERVICES_OWN = frozenset({"job_created", "job_started", "job_resumed"})
_DELTAS = {"text_delta": "text", "reasoning_delta": "reasoning", "tool_call_delta": "tool_call"}
_MODELS_OWN = "arguments_json"  # what the model writes there is kept as it is, JSON or not
_LATEST_SECONDS = 253_402_300_800  # the year 10000


class Misfit(Exception):
    """What is wrong with an event: its field, and the rule in words."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field
        self.text = text


@dataclass(slots=True)
class _Part:
    kind: str
    completed: bool


class Outline:
    """The kinds of a job's parts, and the ids of its steps and questions: what later events must fit.

    `check` takes in the events that it lets pass one by one. After an error the outline is good for nothing.
    """

    def __init__(self, state: state_pb2.JobState) -> None:
        self._parts = [_Part(part.WhichOneof("kind") or "", part.completed) for part in state.parts]
        self._steps = {step.id for step in state.steps}
        self._asked = {request.id for request in state.input_requests}

    def check(self, events: Sequence[event_pb2.Event], max_event_bytes: int) -> None:
        """Raise EventInvalid for the first event that does not fit; it names its index and field."""
        for index, event in enumerate(events):
            try:
                self._check(event, max_event_bytes, last=index == len(events) - 1)
            except Misfit as misfit:
                place = ".".join(name for name in (f"events[{index}]", misfit.field) if name)
                raise EventInvalid.of(place, misfit.text, index=str(index)) from None

    def _check(self, event: event_pb2.Event, max_event_bytes: int, *, last: bool) -> None:
        kind = event.WhichOneof("payload")
        if kind is None:
            raise Misfit("", "has no payload that is known here")
        if event.offset:
            raise Misfit("offset", "is given by the service: leave it out")
        if kind in _SERVICES_OWN:
            raise Misfit(kind, "is said by the service alone")
        if kind in FINAL_KINDS and not last:
            raise Misfit(kind, "ends the job: nothing may follow it")
        size = event.ByteSize()
        if size > max_event_bytes:
            raise Misfit("", f"has {size} bytes, more than max_event_bytes={max_event_bytes}")
        if event.HasField("create_time") and not 0 <= event.create_time.seconds < _LATEST_SECONDS:
            raise Misfit("create_time", "is no time between 1970 and 9999")
        payload = getattr(event, kind)
        try:
            if (grows := _DELTAS.get(kind)) is not None:
                self._open_part(payload.part_index, grows)
            else:
                _check_json(payload, "")
                _CHECKS.get(kind, _anything)(self, payload)
        except Misfit as misfit:
            raise Misfit(f"{kind}.{misfit.field}", misfit.text) from None

    def _part(self, index: int, field: str = "part_index") -> _Part:
        if not 0 <= index < len(self._parts):
            raise Misfit(field, f"is {index}, and no such part was opened: the job has {len(self._parts)}")
        return self._parts[index]

    def _open_part(self, index: int, kind: str) -> None:
        """Check that something may be added to a part."""
        part = self._part(index)
        if part.kind != kind:
            raise Misfit("part_index", f"is {index}, a part of the kind {part.kind or 'unknown'}, not {kind}")
        if part.completed:
            raise Misfit("part_index", f"is {index}, a part that is complete")

    def _part_started(self, started: event_pb2.PartStarted) -> None:
        kind = started.part.WhichOneof("kind")
        if kind is None:
            raise Misfit("part", "has no kind that is known here")
        if started.part.index != len(self._parts):
            raise Misfit("part.index", f"is {started.part.index}; the next free one is {len(self._parts)}")
        self._parts.append(_Part(kind, started.part.completed))

    def _part_completed(self, completed: event_pb2.PartCompleted) -> None:
        self._part(completed.part_index).completed = True

    def _part_replaced(self, replaced: event_pb2.PartReplaced) -> None:
        index, kind = replaced.part.index, replaced.part.WhichOneof("kind") or ""
        part = self._part(index, "part.index")
        if part.kind != kind:
            raise Misfit("part", f"is of the kind {kind or 'unknown'}; part {index} is of the kind {part.kind}")
        part.completed = replaced.part.completed

    def _tool_call_updated(self, updated: event_pb2.ToolCallUpdated) -> None:
        self._open_part(updated.part_index, "tool_call")

    def _citation_added(self, added: event_pb2.CitationAdded) -> None:
        self._open_part(added.part_index, "text")

    def _run_step_created(self, created: event_pb2.RunStepCreated) -> None:
        step_id = created.step.id
        if not step_id:
            raise Misfit("step.id", "is empty")
        if step_id in self._steps:
            raise Misfit("step.id", "is the id of an earlier step")
        self._steps.add(step_id)

    def _run_step_updated(self, updated: event_pb2.RunStepUpdated) -> None:
        self._step(updated.step.id, "step.id")

    def _run_step_completed(self, completed: event_pb2.RunStepCompleted) -> None:
        self._step(completed.step_id, "step_id")

    def _step(self, step_id: str, field: str) -> None:
        if step_id not in self._steps:
            raise Misfit(field, "is the id of no step that was created")

    def _input_requested(self, requested: event_pb2.InputRequested) -> None:
        asked = requested.input_request
        if not asked.id:
            raise Misfit("input_request.id", "is empty")
        if len(asked.id) > MAX_ID:
            raise Misfit("input_request.id", f"has {len(asked.id)} characters, at most {MAX_ID} are allowed")
        if asked.id in self._asked:
            raise Misfit("input_request.id", "is the id of an earlier question")
        if len(self._asked) == MAX_ANSWERS:
            raise Misfit("input_request", f"is one more than the {MAX_ANSWERS} that can be answered together")
        self._asked.add(asked.id)
        if asked.HasField("part_index"):
            self._part(asked.part_index, "input_request.part_index")

    def _custom(self, custom: event_pb2.CustomEvent) -> None:
        if not custom.name:
            raise Misfit("name", "is empty")

    def _metadata_updated(self, updated: event_pb2.MetadataUpdated) -> None:
        if "" in updated.metadata:
            raise Misfit("metadata", "an entry has an empty name")

    def _job_failed(self, failed: event_pb2.JobFailed) -> None:
        if not failed.error.reason:
            raise Misfit("error.reason", "is empty: name the cause, such as UPSTREAM_TIMEOUT")


def _anything(_outline: Outline, _payload: Any) -> None:
    pass


def _check_json(message: Message, path: str) -> None:
    """Raise Misfit for a field of `message`, or of one inside it, that should hold JSON and does not."""
    for field, value in message.ListFields():
        name = f"{path}{field.name}"
        if isinstance(value, Message):
            _check_json(value, f"{name}.")
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for index, item in enumerate(value):
                _check_json(item, f"{name}[{index}].")
        elif (field.name == "json" or field.name.endswith("_json")) and field.name != _MODELS_OWN:
            try:
                json_value(value)
            except ValueError:
                raise Misfit(name, "is not JSON") from None


_CHECKS: dict[str, Callable[[Outline, Any], None]] = {
    field.name: getattr(Outline, f"_{field.name}", _anything)
    for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["payload"].fields
}
