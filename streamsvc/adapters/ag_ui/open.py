"""What is open in an AG-UI run: each message, call and step is started once, grows, and is ended once."""

from __future__ import annotations

from typing import Any

from ag_ui import core

from streamsvc.adapters.ag_ui import messages as as_messages
from streamsvc.fold import growing_text
from streamsvc.v1 import content_pb2

RUNNING = content_pb2.RUN_STEP_STATUS_RUNNING
_FINAL_STATUS = (
    content_pb2.RUN_STEP_STATUS_SUCCEEDED,
    content_pb2.RUN_STEP_STATUS_FAILED,
    content_pb2.RUN_STEP_STATUS_CANCELLED,
)


class OpenParts:
    """The messages and calls that are open, by part. What is told goes into `told`."""

    def __init__(self, told: list[core.BaseEvent]) -> None:
        self.job_id = ""
        self._told = told
        self._open: dict[int, tuple[str, str]] = {}
        self._answered: set[int] = set()

    def started(self, part: content_pb2.ContentPart) -> None:
        """Tell of a new part, with all that it holds."""
        self._start(part)
        if text := growing_text(part):
            self._grow(part, text)
        self.settle(part)
        if part.upstream_json:
            self.sealed(part)

    def known(self, part: content_pb2.ContentPart) -> None:
        """Go on with a part that the client knows from a snapshot."""
        self._answered.discard(part.index)
        if as_messages.is_answered(part):
            self._answered.add(part.index)
        if not as_messages.is_written(part) and part.WhichOneof("kind") in _STARTS:
            self._start(part)

    def grow(self, part: content_pb2.ContentPart, text: str, metadata: dict[str, Any] | None = None) -> None:
        """Append to a part. One that has ended already is opened for that."""
        if part.index not in self._open:
            self._start(part)
        self._grow(part, text, metadata)
        self.settle(part)

    def settle(self, part: content_pb2.ContentPart) -> bool:
        """End a part if it is complete, and tell of a call's result. Returns whether there was something to tell."""
        before = len(self._told)
        if as_messages.is_written(part):
            self.end(part.index, part)
        if as_messages.is_answered(part) and part.index not in self._answered:
            self._answered.add(part.index)
            call = part.tool_call
            self._told.append(
                core.ToolCallResultEvent(
                    message_id=as_messages.result_id(self.job_id, part),
                    tool_call_id=as_messages.call_id(self.job_id, part),
                    content=as_messages.result_of(call),
                    metadata=as_messages.result_metadata(call),
                )
            )
        return len(self._told) > before

    def sealed(self, part: content_pb2.ContentPart) -> None:
        """Tell what the upstream needs back with a part."""
        call = part.HasField("tool_call")
        self._told.append(
            core.ReasoningEncryptedValueEvent(
                subtype="tool-call" if call else "message",
                entity_id=(as_messages.call_id if call else as_messages.message_id)(self.job_id, part),
                encrypted_value=as_messages.encrypted(part) or "",
            )
        )

    def end(self, index: int, part: content_pb2.ContentPart | None = None) -> None:
        """End a part if it is open; `part` is what it has become."""
        kind, own = self._open.pop(index, ("", ""))
        metadata = as_messages.metadata_of(part) if part is not None else None
        if kind == "text":
            self._told.append(core.TextMessageEndEvent(message_id=own, metadata=metadata))
        elif kind == "reasoning":
            self._told.append(core.ReasoningMessageEndEvent(message_id=own, metadata=metadata))
            self._told.append(core.ReasoningEndEvent(message_id=own))
        elif kind == "tool_call":
            self._told.append(core.ToolCallEndEvent(tool_call_id=own, metadata=metadata))

    def close(self) -> None:
        """End all that is open, and forget what has ended."""
        for index in list(self._open):
            self.end(index)
        self._answered.clear()

    def _start(self, part: content_pb2.ContentPart) -> None:
        own, metadata = as_messages.message_id(self.job_id, part), as_messages.metadata_of(part)
        kind = str(part.WhichOneof("kind"))
        if kind == "text":
            self._told.append(core.TextMessageStartEvent(message_id=own, role="assistant", metadata=metadata))
        elif kind == "reasoning":
            self._told.append(core.ReasoningStartEvent(message_id=own))
            self._told.append(core.ReasoningMessageStartEvent(message_id=own, metadata=metadata))
        else:
            # Calls should have ids of their own; where two share one, only one can be open.
            own = as_messages.call_id(self.job_id, part)
            for index in [index for index, opened in self._open.items() if opened == (kind, own)]:
                self.end(index)
            self._told.append(
                core.ToolCallStartEvent(
                    tool_call_id=own,
                    tool_call_name=part.tool_call.name,
                    parent_message_id=as_messages.message_id(self.job_id, part),
                    metadata=metadata,
                )
            )
        self._open[part.index] = (kind, own)

    def _grow(self, part: content_pb2.ContentPart, text: str, metadata: dict[str, Any] | None = None) -> None:
        kind, own = self._open[part.index]
        if kind == "text":
            self._told.append(core.TextMessageContentEvent(message_id=own, delta=text, metadata=metadata))
        elif kind == "reasoning":
            self._told.append(core.ReasoningMessageContentEvent(message_id=own, delta=text))
        else:
            self._told.append(core.ToolCallArgsEvent(tool_call_id=own, delta=text))


class OpenSteps:
    """The steps that are open, each under a name that no other open step has. What is told goes into `told`."""

    def __init__(self, told: list[core.BaseEvent]) -> None:
        self._told = told
        self._names: dict[str, str] = {}

    def begin(self, step: content_pb2.RunStep) -> None:
        """Begin a step that runs, unless it has begun."""
        if step.id not in self._names and step.status not in _FINAL_STATUS:
            name = step.title or step.agent_name or step.type or step.id
            self._names[step.id] = f"{name} ({step.id})" if name in self._names.values() else name
            self._told.append(core.StepStartedEvent(step_name=self._names[step.id], metadata=as_messages.ours(step)))

    def changed(self, step: content_pb2.RunStep) -> bool:
        """Begin or end a step that has changed. Returns whether that tells of the change."""
        if step.status in _FINAL_STATUS and step.id in self._names:
            self.end(step.id, as_messages.ours(step))
            return True
        if step.status == RUNNING and step.id not in self._names:
            self.begin(step)
            return True
        return False

    def end(self, step_id: str, metadata: dict[str, Any] | None = None) -> None:
        """End a step if it is open."""
        name = self._names.pop(step_id, None)
        if name is not None:
            self._told.append(core.StepFinishedEvent(step_name=name, metadata=metadata))

    def close(self) -> None:
        """End all steps."""
        for step_id in list(self._names):
            self.end(step_id)


_STARTS = ("text", "reasoning", "tool_call")
