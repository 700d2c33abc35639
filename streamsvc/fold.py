"""The fold: from a job's events to its state, the same in the service and in its clients.

Law: `fold(state@N, events N+1..M) == state@M`, whatever N. GetJobState, a snapshot and a client's own state are one
type and this one fold; tests/golden holds the cases that every language must pass.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

from streamsvc import codec, deltas
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2

MAX_ERRORS = 100
"""How many errors a state keeps: the newest."""

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
GROWS = {"text": "text", "reasoning": "text", "tool_call": "arguments_json"}
"""The kinds of part that deltas append to, and the field that they append to."""

_COUNTS = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_input_tokens", "cache_write_input_tokens")


class Fold:
    """A job folded up to an offset.

    Text grows in buffers and becomes part of a message only when a state is asked for: appending to a protobuf
    string copies it, and 100,000 deltas would copy gigabytes.

    Events must come in order, without gaps or repeats. An event of an unknown kind moves the offset and the update time
    only. An event that does not fit (a delta for a part that is not there, or of another kind) changes nothing else
    either, so that all readers agree.
    """

    def __init__(self, state: state_pb2.JobState | None = None) -> None:
        self._state = state_pb2.JobState()
        self._parts: list[_Part] = []
        if state is not None:
            self._state.CopyFrom(state)
            self._parts = [_Part(part) for part in state.parts]
            del self._state.parts[:]
        # The first step of an id is the one that later events mean.
        self._steps: dict[str, content_pb2.RunStep] = {}
        for step in self._state.steps:
            self._steps.setdefault(step.id, step)

    @property
    def offset(self) -> int:
        """Offset of the last event folded in."""
        return self._state.offset

    def apply(self, events: Iterable[event_pb2.Event]) -> None:
        """Fold in the events that follow `offset`."""
        offset = self.offset
        for event in events:
            offset = event.offset
            if event.HasField("create_time"):
                self._state.job.update_time.CopyFrom(event.create_time)
            kind = event.WhichOneof("payload")
            if kind is not None:
                _APPLY[kind](self, getattr(event, kind))
        self._state.offset = self._state.job.last_offset = offset

    def apply_frames(self, frames: bytes) -> None:
        """Fold in the events of joined frames, which follow `offset`. Raises `LogCorrupt`.

        Many times faster than `apply` where all of them are deltas of one part.
        """
        run = deltas.run_of(frames)
        if run is None:
            self.apply(codec.decode(frames))
            return
        if run.create_time is not None:
            self._state.job.update_time.CopyFrom(run.create_time)
        if part := self._part(run.part_index):
            part.grow(run.kind, run.text)
        self._state.offset = self._state.job.last_offset = run.last

    def state(self) -> state_pb2.JobState:
        """Return the state at `offset`, a message of its own. Costs its size."""
        state = state_pb2.JobState()
        state.CopyFrom(self._state)
        for part in self._parts:
            part.write_to(state.parts.add())
        return state

    def part(self, index: int) -> content_pb2.ContentPart | None:
        """Return a part, not to be changed. What has grown in it since the fold began is not in it."""
        found = self._part(index)
        return found.message if found else None

    def _part(self, index: int) -> _Part | None:
        return self._parts[index] if 0 <= index < len(self._parts) else None

    def _text_delta(self, delta: event_pb2.TextDelta) -> None:
        if part := self._part(delta.part_index):
            part.grow("text", delta.text)

    def _reasoning_delta(self, delta: event_pb2.ReasoningDelta) -> None:
        if part := self._part(delta.part_index):
            part.grow("reasoning", delta.text)

    def _tool_call_delta(self, delta: event_pb2.ToolCallDelta) -> None:
        if part := self._part(delta.part_index):
            part.grow("tool_call", delta.arguments_json)

    def _part_started(self, started: event_pb2.PartStarted) -> None:
        part = _Part(started.part)
        part.message.index = len(self._parts)
        self._parts.append(part)

    def _part_completed(self, completed: event_pb2.PartCompleted) -> None:
        if part := self._part(completed.part_index):
            part.message.completed = True
            if completed.upstream_json:
                part.message.upstream_json = completed.upstream_json

    def _part_replaced(self, replaced: event_pb2.PartReplaced) -> None:
        part = self._part(replaced.part.index)
        if part and part.kind == replaced.part.WhichOneof("kind"):
            self._parts[replaced.part.index] = _Part(replaced.part)

    def _tool_call_updated(self, updated: event_pb2.ToolCallUpdated) -> None:
        part = self._part(updated.part_index)
        if part is None or part.kind != "tool_call":
            return
        call = part.message.tool_call
        if updated.status:
            call.status = updated.status
        if updated.results:
            del call.results[:]
            call.results.extend(updated.results)

    def _citation_added(self, added: event_pb2.CitationAdded) -> None:
        part = self._part(added.part_index)
        if part and part.kind == "text":
            part.message.text.citations.append(added.citation)

    def _run_step_created(self, created: event_pb2.RunStepCreated) -> None:
        step = self._state.steps.add()
        step.CopyFrom(created.step)
        self._steps.setdefault(step.id, step)
        if not step.HasField("create_time") and self._state.job.HasField("update_time"):
            step.create_time.CopyFrom(self._state.job.update_time)

    def _run_step_updated(self, updated: event_pb2.RunStepUpdated) -> None:
        if step := self._steps.get(updated.step.id):
            for field, _ in updated.step.ListFields():
                step.ClearField(field.name)  # type: ignore[arg-type]
            step.MergeFrom(updated.step)

    def _run_step_completed(self, completed: event_pb2.RunStepCompleted) -> None:
        step = self._steps.get(completed.step_id)
        if step is None:
            return
        step.status = completed.status
        if completed.HasField("error"):
            step.error.CopyFrom(completed.error)
        if self._state.job.HasField("update_time"):
            step.complete_time.CopyFrom(self._state.job.update_time)

    def _usage_updated(self, updated: event_pb2.UsageUpdated) -> None:
        entries = self._state.usage_entries
        entry = updated.entry
        key = (entry.step_id, entry.model, entry.attempt)
        found = next((old for old in entries if (old.step_id, old.model, old.attempt) == key), None)
        (found or entries.add()).CopyFrom(entry)
        self._state.usage.CopyFrom(_sum(entries))

    def _metadata_updated(self, updated: event_pb2.MetadataUpdated) -> None:
        metadata = self._state.job.metadata
        for key, value in updated.metadata.items():
            if value:
                metadata[key] = value
            else:
                metadata.pop(key, None)

    def _error_reported(self, reported: event_pb2.ErrorReported) -> None:
        errors = self._state.errors
        errors.append(reported.error)
        del errors[:-MAX_ERRORS]

    def _input_requested(self, requested: event_pb2.InputRequested) -> None:
        self._state.input_requests.append(requested.input_request)

    def _custom(self, custom: event_pb2.CustomEvent) -> None:
        if not custom.key:
            return
        kept = self._state.custom
        place = next((i for i, old in enumerate(kept) if (old.name, old.key) == (custom.name, custom.key)), None)
        if not custom.json:
            if place is not None:
                del kept[place]
        else:
            (kept.add() if place is None else kept[place]).CopyFrom(custom)

    def _job_created(self, created: event_pb2.JobCreated) -> None:
        state = self._state
        # The time of the newest event is known from the event; the job as it began need not say it.
        newest = job_pb2.Job()
        if state.job.HasField("update_time"):
            newest.update_time.CopyFrom(state.job.update_time)
        state.job.CopyFrom(created.job)
        state.job.MergeFrom(newest)
        state.input.extend(created.input)
        state.answers.extend(created.answers)

    def _job_started(self, started: event_pb2.JobStarted) -> None:
        job = self._state.job
        job.status = job_pb2.JOB_STATUS_RUNNING
        job.attempt = 1
        if started.producer:
            job.producer = started.producer
        if started.model:
            job.model = started.model

    def _job_resumed(self, resumed: event_pb2.JobResumed) -> None:
        state = self._state
        state.job.status = job_pb2.JOB_STATUS_RUNNING
        state.job.attempt = resumed.attempt
        if resumed.restarted:
            self._parts.clear()
            self._steps.clear()
            del state.steps[:], state.custom[:], state.errors[:], state.input_requests[:]

    def _job_completed(self, completed: event_pb2.JobCompleted) -> None:
        self._state.job.finish_reason = completed.finish_reason
        self._end(job_pb2.JOB_STATUS_COMPLETED)

    def _job_failed(self, failed: event_pb2.JobFailed) -> None:
        self._state.job.error.CopyFrom(failed.error)
        self._end(job_pb2.JOB_STATUS_FAILED)

    def _job_cancelled(self, _: event_pb2.JobCancelled) -> None:
        self._end(job_pb2.JOB_STATUS_CANCELLED)

    def _end(self, status: job_pb2.JobStatus.ValueType) -> None:
        job = self._state.job
        job.status = status
        job.complete_time.CopyFrom(job.update_time)
        job.expire_time.FromNanoseconds(job.complete_time.ToNanoseconds() + job.retention.ToNanoseconds())


class _Part:
    """A part, and its growing text beside it."""

    __slots__ = ("_buffer", "kind", "message")

    def __init__(self, part: content_pb2.ContentPart) -> None:
        self.message = content_pb2.ContentPart()
        self.message.CopyFrom(part)
        self.kind = part.WhichOneof("kind")
        self._buffer: io.StringIO | None = None

    def grow(self, kind: str, text: str) -> None:
        if self.kind != kind:
            return
        if self._buffer is None:
            self._buffer = io.StringIO()
        self._buffer.write(text)

    def write_to(self, part: content_pb2.ContentPart) -> None:
        part.CopyFrom(self.message)
        if self._buffer is not None:
            set_growing_text(part, growing_text(part) + self._buffer.getvalue())


def growing_text(part: content_pb2.ContentPart) -> str:
    """Return what grows in a part: its text, its reasoning, or the arguments of its tool call."""
    kind = part.WhichOneof("kind")
    return str(getattr(getattr(part, kind), GROWS[kind])) if kind in GROWS else ""


def set_growing_text(part: content_pb2.ContentPart, text: str) -> None:
    """Set what grows in a part. A part in which nothing grows is left as it is."""
    kind = part.WhichOneof("kind")
    if kind in GROWS:
        setattr(getattr(part, kind), GROWS[kind], text)


def _sum(entries: Iterable[content_pb2.UsageEntry]) -> content_pb2.Usage:
    """Add the usage of `entries`. A sum that no int32 can hold stays at the limit."""
    total = content_pb2.Usage()
    for entry in entries:
        for count in _COUNTS:
            setattr(total, count, _clamp(getattr(total, count) + getattr(entry.usage, count)))
        for name, value in entry.usage.details.items():
            total.details[name] = _clamp(total.details.get(name, 0) + value)
    return total


def _clamp(value: int) -> int:
    return max(_INT32_MIN, min(value, _INT32_MAX))


_APPLY: dict[str, Callable[[Fold, object], None]] = {
    field.name: getattr(Fold, f"_{field.name}") for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["payload"].fields
}
