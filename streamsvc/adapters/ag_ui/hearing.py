"""What an AG-UI agent tells of its run, as an answer: event by event."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from ag_ui import core

from streamsvc.adapters.ag_ui.input import results_of
from streamsvc.adapters.ag_ui.patch import patched
from streamsvc.adapters.ag_ui.said import Said
from streamsvc.adapters.ag_ui.steps import Steps
from streamsvc.adapters.ag_ui.telling import STATE
from streamsvc.v1 import content_pb2, state_pb2

log = logging.getLogger(__name__)

_READY, _SUCCEEDED = content_pb2.TOOL_CALL_STATUS_READY, content_pb2.TOOL_CALL_STATUS_SUCCEEDED
_FAILED_STEP = content_pb2.RUN_STEP_STATUS_FAILED


class Hearing:
    """Hears one run: `hear` takes its events in order, and says in `said` what they are.

    `known` are the ids of the messages that the agent was given, `state` the state.
    """

    def __init__(self, so_far: state_pb2.JobState, known: frozenset[str] = frozenset(), state: Any = None) -> None:
        self.said = Said(so_far)
        self._steps = Steps(self.said)
        self._told = set(known)
        self._others: set[str] = set()
        self._state = {} if state is None else state
        self._activities: dict[str, tuple[str, Any]] = {}
        self._chunk = ("", "")

    def hear(self, event: core.BaseEvent) -> None:
        """Say what an event tells. What only copies others, and the run's own beginning, says nothing."""
        if self._chunk[0] and not isinstance(event, (core.RawEvent, *_CHUNKS)):
            self._end_chunk()
        if heard := _HEARD.get(type(event)):
            heard(self, event)

    def _text_start(self, event: core.TextMessageStartEvent) -> None:
        self._told.add(event.message_id)
        if event.role not in (None, "assistant"):
            self._others.add(event.message_id)

    def _text(self, event: core.TextMessageContentEvent) -> None:
        if event.message_id not in self._others:
            self.said.text(event.message_id, event.delta, self._steps.of(event))

    def _text_end(self, event: core.TextMessageEndEvent) -> None:
        self.said.close(event.message_id)

    def _text_chunk(self, event: core.TextMessageChunkEvent) -> None:
        key = self._chunk_of("text", event.message_id)
        self._told.add(key)
        if event.role in (None, "assistant") and key not in self._others:
            self.said.text(key, event.delta or "", self._steps.of(event))
        else:
            self._others.add(key)

    def _reasoning_start(self, event: core.ReasoningMessageStartEvent) -> None:
        self._told.add(event.message_id)
        self.said.thought(_thought(event.message_id), self._steps.of(event))

    def _reasoning(self, event: core.ReasoningMessageContentEvent) -> None:
        self.said.reasoning(_thought(event.message_id), event.delta, self._steps.of(event))

    def _reasoning_end(self, event: core.ReasoningMessageEndEvent) -> None:
        self.said.close(_thought(event.message_id))

    def _reasoning_chunk(self, event: core.ReasoningMessageChunkEvent) -> None:
        key = self._chunk_of("reasoning", event.message_id)
        self._told.add(key)
        self.said.reasoning(_thought(key), event.delta or "", self._steps.of(event))

    def _encrypted(self, event: core.ReasoningEncryptedValueEvent) -> None:
        if event.subtype == "tool-call":
            self.said.seal(f"call {event.entity_id}", event.encrypted_value)
        else:
            for key in (event.entity_id, _thought(event.entity_id)):
                self.said.seal(key, event.encrypted_value)

    def _call_start(self, event: core.ToolCallStartEvent) -> None:
        self.said.call(event.tool_call_id, event.tool_call_name, self._steps.of(event))

    def _call_args(self, event: core.ToolCallArgsEvent) -> None:
        self.said.argue(event.tool_call_id, event.delta)

    def _call_end(self, event: core.ToolCallEndEvent) -> None:
        self.said.update(event.tool_call_id, _READY)

    def _call_chunk(self, event: core.ToolCallChunkEvent) -> None:
        key = self._chunk_of("call", event.tool_call_id)
        self.said.call(key, event.tool_call_name or "", self._steps.of(event))
        self.said.argue(key, event.delta or "")

    def _call_result(self, event: core.ToolCallResultEvent) -> None:
        self._told.add(event.message_id)
        self.said.update(event.tool_call_id, _SUCCEEDED, *results_of(event.content))

    def _state_snapshot(self, event: core.StateSnapshotEvent) -> None:
        self._state = event.snapshot
        self.said.custom(STATE, json.dumps(self._state), STATE)

    def _state_delta(self, event: core.StateDeltaEvent) -> None:
        try:
            self._state = patched(self._state, event.delta)
        except ValueError:
            log.warning("a delta of an AG-UI agent's state does not fit it, and is left out")
        else:
            self.said.custom(STATE, json.dumps(self._state), STATE)

    def _messages(self, event: core.MessagesSnapshotEvent) -> None:
        """Say the messages at the end that were not told of: some agents tell of none before."""
        new: list[Any] = []
        for message in event.messages:
            new = [] if message.role == "user" else [*new, message]
        for message in new:
            if message.id not in self._told:
                self._told.add(message.id)
                self._whole(message)

    def _whole(self, message: Any) -> None:
        if message.role == "reasoning":
            self.said.reasoning(_thought(message.id), message.content)
            self.said.close(_thought(message.id))
        elif message.role == "tool":
            self.said.update(message.tool_call_id, _SUCCEEDED, *results_of(message.content))
        elif message.role == "activity":
            self.said.activity(message.id, message.activity_type, message.content, "")
        elif message.role == "assistant":
            self.said.text(message.id, message.content or "")
            self.said.close(message.id)
            for call in message.tool_calls or ():
                self.said.call(call.id, call.function.name)
                self.said.argue(call.id, call.function.arguments)
                self.said.update(call.id, _READY)

    def _activity(self, event: core.ActivitySnapshotEvent) -> None:
        self._told.add(event.message_id)
        replace = event.replace is not False
        if replace or event.message_id not in self._activities:
            self._activities[event.message_id] = (event.activity_type, event.content)
        step = self._steps.of(event)
        self.said.activity(event.message_id, event.activity_type, event.content, step, replace=replace)

    def _activity_delta(self, event: core.ActivityDeltaEvent) -> None:
        _, content = self._activities.get(event.message_id, ("", None))
        if content is None:
            return
        try:
            content = patched(content, event.patch)
        except ValueError:
            log.warning("a delta of an AG-UI activity does not fit it, and is left out")
            return
        self._activities[event.message_id] = (event.activity_type, content)
        self.said.activity(event.message_id, event.activity_type, content, self._steps.of(event))

    def _custom(self, event: core.CustomEvent) -> None:
        if event.name:
            self.said.custom(event.name, json.dumps(event.value))

    def _step_started(self, event: core.StepStartedEvent) -> None:
        self._steps.begin(event.step_name, event.subagent_run_id or "")

    def _step_finished(self, event: core.StepFinishedEvent) -> None:
        self._steps.end(event.step_name, event.subagent_run_id or "")

    def _subagent_started(self, event: core.SubagentStartedEvent) -> None:
        self._steps.agent(event.subagent_run_id, event.name, event.parent_subagent_run_id or "")

    def _subagent_finished(self, event: core.SubagentFinishedEvent) -> None:
        self.said.step_ended(event.subagent_run_id)

    def _subagent_error(self, event: core.SubagentErrorEvent) -> None:
        self.said.step_ended(event.subagent_run_id, _FAILED_STEP)

    def _chunk_of(self, kind: str, own: str | None) -> str:
        """Return the id that a chunk belongs to: one without an id goes on with the last one."""
        if self._chunk[0] and (self._chunk[0] != kind or own not in (None, self._chunk[1])):
            self._end_chunk()
        self._chunk = (kind, own or self._chunk[1])
        return self._chunk[1]

    def _end_chunk(self) -> None:
        (kind, own), self._chunk = self._chunk, ("", "")
        if kind == "call":
            self.said.update(own, _READY)
        else:
            self.said.close(own if kind == "text" else _thought(own))


def _thought(message_id: str) -> str:
    return f"thought {message_id}"


_CHUNKS = (core.TextMessageChunkEvent, core.ReasoningMessageChunkEvent, core.ToolCallChunkEvent)

_HEARD: dict[type, Callable[[Hearing, Any], None]] = {
    core.TextMessageStartEvent: Hearing._text_start,
    core.TextMessageContentEvent: Hearing._text,
    core.TextMessageEndEvent: Hearing._text_end,
    core.TextMessageChunkEvent: Hearing._text_chunk,
    core.ReasoningMessageStartEvent: Hearing._reasoning_start,
    core.ReasoningMessageContentEvent: Hearing._reasoning,
    core.ReasoningMessageEndEvent: Hearing._reasoning_end,
    core.ReasoningMessageChunkEvent: Hearing._reasoning_chunk,
    core.ReasoningEncryptedValueEvent: Hearing._encrypted,
    core.ToolCallStartEvent: Hearing._call_start,
    core.ToolCallArgsEvent: Hearing._call_args,
    core.ToolCallEndEvent: Hearing._call_end,
    core.ToolCallChunkEvent: Hearing._call_chunk,
    core.ToolCallResultEvent: Hearing._call_result,
    core.StateSnapshotEvent: Hearing._state_snapshot,
    core.StateDeltaEvent: Hearing._state_delta,
    core.MessagesSnapshotEvent: Hearing._messages,
    core.ActivitySnapshotEvent: Hearing._activity,
    core.ActivityDeltaEvent: Hearing._activity_delta,
    core.CustomEvent: Hearing._custom,
    core.StepStartedEvent: Hearing._step_started,
    core.StepFinishedEvent: Hearing._step_finished,
    core.SubagentStartedEvent: Hearing._subagent_started,
    core.SubagentFinishedEvent: Hearing._subagent_finished,
    core.SubagentErrorEvent: Hearing._subagent_error,
}
