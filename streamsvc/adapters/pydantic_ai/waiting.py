"""A run of Pydantic AI that waits for people: its messages, what it asks, and what was answered already."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter
from pydantic_ai import (
    DeferredToolRequests,
    DeferredToolResults,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ToolApproved,
    ToolDenied,
    ToolFailed,
)
from pydantic_ai.messages import ToolCallPart

from streamsvc.adapters.questions import APPROVAL, APPROVE, EDIT, REJECT, RESPOND
from streamsvc.v1 import content_pb2

Decisions = Sequence[content_pb2.InputDecision.ValueType]

_REQUESTS = TypeAdapter(DeferredToolRequests)
_RESULTS = TypeAdapter(DeferredToolResults)
_KINDS: Mapping[str, tuple[str, str, Decisions]] = {
    "approval": (APPROVAL, "May {} run?", (APPROVE, REJECT, EDIT)),
    "question": ("question", "{} asks.", (RESPOND, REJECT)),
    "external": ("tool_result", "What does {} give?", (RESPOND, REJECT)),
}


@dataclass
class Waiting:
    """What goes on when each call of `requests` has one of `results`."""

    messages: list[ModelMessage]
    requests: DeferredToolRequests
    results: DeferredToolResults = field(default_factory=DeferredToolResults)

    @classmethod
    def of(cls, kept: str) -> Waiting:
        """Return what `json` wrote."""
        parts = json.loads(kept)
        return cls(
            ModelMessagesTypeAdapter.validate_json(parts["messages"]),
            _REQUESTS.validate_json(parts["requests"]),
            _RESULTS.validate_json(parts["results"]),
        )

    def json(self) -> str:
        """Return all of it as text."""
        parts = {
            "messages": ModelMessagesTypeAdapter.dump_json(self.messages).decode(),
            "requests": _REQUESTS.dump_json(self.requests).decode(),
            "results": _RESULTS.dump_json(self.results).decode(),
        }
        return json.dumps(parts)

    @property
    def remaining(self) -> DeferredToolRequests | None:
        """What nobody has answered; None if all is answered."""
        return self.requests.remaining(self.results)

    def answered(self, answers: Mapping[str, content_pb2.InputAnswer]) -> Waiting:
        """Take answers, by the ids of the calls. Those to other calls are left out. Raises ValueError for bad JSON."""
        for call in self.requests.approvals:
            if answer := answers.get(call.tool_call_id):
                self.results.approvals[call.tool_call_id] = _approval(answer)
        for call in self.requests.calls:
            if answer := answers.get(call.tool_call_id):
                self.results.calls[call.tool_call_id] = _result(answer)
        return self

    def edited(self) -> Iterator[ToolCallPart]:
        """Return the calls whose arguments people changed, with those."""
        for call in self.requests.approvals:
            approval = self.results.approvals.get(call.tool_call_id)
            if isinstance(approval, ToolApproved) and approval.override_args is not None:
                yield ToolCallPart(call.tool_name, approval.override_args, call.tool_call_id)

    def options(self) -> Mapping[str, Any]:
        """Return what a run is given to go on from here."""
        return {"user_prompt": None, "message_history": self.messages, "deferred_tool_results": self.results}

    def questions(self) -> Iterator[tuple[ToolCallPart, str, str, Decisions]]:
        """Return the calls that wait, each with its kind, the question and the decisions that are allowed."""
        waiting = self.remaining or self.requests
        for call in [*waiting.approvals, *waiting.calls]:
            kind, message, decisions = _KINDS[waiting.kind(call.tool_call_id)]
            yield call, kind, message.format(call.tool_name), decisions


def _approval(answer: content_pb2.InputAnswer) -> ToolApproved | ToolDenied:
    if answer.decision == EDIT:
        return ToolApproved(override_args=json.loads(answer.json))
    if answer.decision == APPROVE:
        return ToolApproved()
    return ToolDenied(answer.comment) if answer.comment else ToolDenied()


def _result(answer: content_pb2.InputAnswer) -> Any:
    if answer.decision == REJECT:
        return ToolFailed(answer.comment or "Nobody wants to answer this.")
    return json.loads(answer.json) if answer.json else answer.comment
