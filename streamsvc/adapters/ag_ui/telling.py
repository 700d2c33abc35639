"""A job's events as an AG-UI run: what AG-UI cannot undo step by step is told by a snapshot of the messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ag_ui import core
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from streamsvc.adapters.ag_ui import messages as as_messages
from streamsvc.adapters.ag_ui.ends import final_event
from streamsvc.adapters.ag_ui.open import OpenParts, OpenSteps
from streamsvc.fold import Fold
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2

STATE = "ag_ui.state"
"""Name and key of the custom event that keeps the state of an AG-UI agent."""

_ENDED = (job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED, job_pb2.JOB_STATUS_CANCELLED)


class Telling:
    """Tells of one job: `of` takes its items in order, and returns what each is in AG-UI.

    `before` are the messages of the conversation that come before the answer; without them a snapshot begins with what
    the job was asked. A snapshot stands for the whole conversation: a client forgets what is not in it.
    """

    def __init__(self, thread_id: str, run_id: str, before: Sequence[core.Message] | None) -> None:
        self._ids = (thread_id, run_id)
        self._before = before
        self._fold = Fold()
        self._parts_count = 0
        self._begun = False
        self._told: list[core.BaseEvent] = []
        self._parts = OpenParts(self._told)
        self._steps = OpenSteps(self._told)

    def of(self, item: event_pb2.Event | state_pb2.JobState) -> list[core.BaseEvent]:
        """Return the events that tell of an item, which follows the last one."""
        if isinstance(item, state_pb2.JobState):
            self._anew(Fold(item))
        else:
            self._event(item)
        told = list(self._told)
        self._told.clear()
        return told

    def _event(self, event: event_pb2.Event) -> None:
        kind = event.WhichOneof("payload")
        if not self._begun or (kind == "job_resumed" and event.job_resumed.restarted):
            fold = Fold(self._fold.state())
            fold.apply([event])
            self._anew(fold)
            return
        self._fold.apply([event])
        if kind in ("job_completed", "job_failed", "job_cancelled"):
            self._end(self._fold.state())
        elif tell := _TELL.get(kind or ""):
            tell(self, getattr(event, str(kind)))

    def _anew(self, fold: Fold) -> None:
        """Tell of everything as it stands, and take back what stands no more."""
        before, now = self._fold.state(), fold.state()
        self._parts.close()
        self._steps.close()
        self._fold, self._parts_count = fold, len(now.parts)
        self._parts.job_id = now.job.id
        begins, self._begun = not self._begun, True
        if begins:
            self._begin(now.job)
        self._snapshot(now, begins=begins)
        self._take_back(before, now)
        self._rest(now)
        for step in now.steps:
            self._steps.begin(step)
        for part in now.parts:
            self._parts.known(part)
        if now.job.status in _ENDED:
            self._end(now)

    def _begin(self, job: job_pb2.Job) -> None:
        thread_id, run_id = self._ids
        self._ids = (thread_id or job.conversation_id or job.id, run_id or job.id)
        self._say(
            core.RunStartedEvent(
                thread_id=self._ids[0],
                run_id=self._ids[1],
                protocol_version=core.PROTOCOL_VERSION,
                parent_run_id=job.previous_job_id or None,
            )
        )

    def _snapshot(self, state: state_pb2.JobState, *, begins: bool = False) -> None:
        before = as_messages.asked_of(state) if self._before is None else self._before
        messages = as_messages.messages_of(state, before)
        if messages or not begins:
            self._say(core.MessagesSnapshotEvent(messages=messages, metadata=_OWNS_NO_ACTIVITIES))

    def _take_back(self, before: state_pb2.JobState, now: state_pb2.JobState) -> None:
        """Empty activities and kept custom events that are no more: a snapshot does not take them away."""
        stand = {as_messages.message_id(now.job.id, part) for part in now.parts}
        for part in before.parts:
            if _is_activity(part) and as_messages.message_id(now.job.id, part) not in stand:
                self._activity(part, {})
        kept = {(custom.name, custom.key) for custom in now.custom}
        for custom in before.custom:
            if (custom.name, custom.key) not in kept:
                self._custom(event_pb2.CustomEvent(name=custom.name, key=custom.key))

    def _rest(self, state: state_pb2.JobState) -> None:
        """Tell of what is not in the messages."""
        if state.job.metadata:
            self._other("metadata_updated", event_pb2.MetadataUpdated(metadata=state.job.metadata))
        for error in state.errors:
            self._other("error_reported", event_pb2.ErrorReported(error=error))
        for custom in state.custom:
            self._custom(custom)

    def _delta(self, delta: Any) -> None:
        kind, text = _GROWN[type(delta)]
        part = self._fold.part(delta.part_index)
        if part is not None and part.WhichOneof("kind") == kind:
            self._parts.grow(part, getattr(delta, text))

    def _part_started(self, _: event_pb2.PartStarted) -> None:
        part = self._fold.part(self._parts_count)
        self._parts_count += 1
        if part is None or part.WhichOneof("kind") is None:
            return
        if _is_activity(part):
            self._activity(part)
        else:
            self._parts.started(part)

    def _part_completed(self, completed: event_pb2.PartCompleted) -> None:
        if part := self._fold.part(completed.part_index):
            self._parts.settle(part)
            if completed.upstream_json and not _is_activity(part):
                self._parts.sealed(part)

    def _part_replaced(self, replaced: event_pb2.PartReplaced) -> None:
        part = self._fold.part(replaced.part.index)
        if part is None or part.WhichOneof("kind") != replaced.part.WhichOneof("kind"):
            return
        if _is_activity(part):
            self._activity(part)
        else:
            self._parts.end(part.index)
            self._snapshot(self._fold.state())
            self._parts.known(part)

    def _tool_call_updated(self, updated: event_pb2.ToolCallUpdated) -> None:
        part = self._fold.part(updated.part_index)
        if part is None or not part.HasField("tool_call"):
            return
        if self._parts.settle(part):
            return
        if as_messages.is_answered(part):
            self._snapshot(self._fold.state())
        else:
            self._other("tool_call_updated", updated, toolCallId=as_messages.call_id(self._parts.job_id, part))

    def _citation_added(self, added: event_pb2.CitationAdded) -> None:
        part = self._fold.part(added.part_index)
        if part is not None and part.HasField("text"):
            self._parts.grow(part, "", as_messages.metadata_of(part))

    def _run_step_created(self, created: event_pb2.RunStepCreated) -> None:
        self._steps.begin(created.step)

    def _run_step_updated(self, updated: event_pb2.RunStepUpdated) -> None:
        if not self._steps.changed(updated.step):
            self._other("run_step_updated", updated)

    def _run_step_completed(self, completed: event_pb2.RunStepCompleted) -> None:
        self._steps.end(completed.step_id, as_messages.ours(completed))

    def _metadata_updated(self, updated: event_pb2.MetadataUpdated) -> None:
        self._other("metadata_updated", updated)

    def _error_reported(self, reported: event_pb2.ErrorReported) -> None:
        self._other("error_reported", reported)

    def _custom(self, custom: event_pb2.CustomEvent) -> None:
        value = as_messages.json_of(custom.json)
        if custom.name == STATE:
            self._say(core.StateSnapshotEvent(snapshot={} if value is None else value))
        else:
            key = {as_messages.OURS: {"key": custom.key}} if custom.key else None
            self._say(core.CustomEvent(name=custom.name, value=value, metadata=key))

    def _other(self, kind: str, payload: Message, **more: str) -> None:
        """Tell of what AG-UI has no event for."""
        self._say(core.CustomEvent(name=f"{as_messages.OURS}.{kind}", value={**MessageToDict(payload), **more}))

    def _activity(self, part: content_pb2.ContentPart, content: dict[str, Any] | None = None) -> None:
        kind, held = as_messages.activity_of(part)
        self._say(
            core.ActivitySnapshotEvent(
                message_id=as_messages.message_id(self._parts.job_id, part),
                activity_type=kind,
                content=held if content is None else content,
                metadata=as_messages.metadata_of(part),
            )
        )

    def _end(self, state: state_pb2.JobState) -> None:
        self._parts.close()
        self._steps.close()
        self._say(final_event(state, *self._ids))

    def _say(self, event: core.BaseEvent) -> None:
        self._told.append(event)


def _is_activity(part: content_pb2.ContentPart) -> bool:
    return part.HasField("data") or part.HasField("file")


_OWNS_NO_ACTIVITIES: dict[str, Any] = {"@ag-ui/client": {"authoritativeActivityTypes": []}}
"""Those of earlier answers are in no snapshot: a client does not send them along."""

_GROWN: dict[type, tuple[str, str]] = {
    event_pb2.TextDelta: ("text", "text"),
    event_pb2.ReasoningDelta: ("reasoning", "text"),
    event_pb2.ToolCallDelta: ("tool_call", "arguments_json"),
}

_TELL: dict[str, Callable[[Telling, Any], None]] = {
    "text_delta": Telling._delta,
    "reasoning_delta": Telling._delta,
    "tool_call_delta": Telling._delta,
    **{
        kind: getattr(Telling, f"_{kind}")
        for kind in (
            *("part_started", "part_completed", "part_replaced", "tool_call_updated", "citation_added"),
            *("run_step_created", "run_step_updated", "run_step_completed"),
            *("metadata_updated", "error_reported", "custom"),
        )
    },
}
