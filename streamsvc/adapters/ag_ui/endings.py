"""How an AG-UI agent's run ends, as the end of a job: well, cancelled, with questions to people, or failed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ag_ui import core

from streamsvc.adapters import questions
from streamsvc.adapters.ag_ui.said import Said
from streamsvc.adapters.failing import failed, failure
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2

RESULT = "ag_ui.result"
"""Name and key of the custom event that keeps the result of a run."""

_REASON = re.compile(r"[A-Z][A-Z0-9_]*")
_OF_CALLS = (questions.APPROVE, questions.REJECT, questions.EDIT)
_OF_OTHERS = (questions.RESPOND, questions.REJECT)
_COUNTS = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_input_tokens", "cache_write_input_tokens")


def ending_of(event: core.BaseEvent, said: Said, job_id: str) -> list[event_pb2.Event] | None:
    """Return what is left to say when this event ends the run; None if it does not."""
    if isinstance(event, core.RunErrorEvent):
        _use(said, event.usage)
        reason = event.code if event.code and _REASON.fullmatch(event.code) else "AGENT_FAILED"
        return failed(said, "", failure(reason, event.message))
    if not isinstance(event, core.RunFinishedEvent):
        return None
    _use(said, event.usage)
    if event.result is not None:
        said.custom(RESULT, json.dumps(event.result), RESULT)
    match event.outcome:
        case core.RunFinishedCancelledOutcome():
            return [*said.take(), event_pb2.Event(job_cancelled=event_pb2.JobCancelled(reason="the agent stopped"))]
        case core.RunFinishedInterruptOutcome(interrupts=interrupts):
            for interrupt in interrupts:
                said.ask(_question(interrupt, said, job_id))
            return said.end(job_pb2.FINISH_REASON_INPUT_REQUIRED)
        case core.RunFinishedSuccessOutcome(pending_tool_call_ids=pending) if pending:
            return said.end(job_pb2.FINISH_REASON_TOOL_CALLS)
    return said.end()


def cut_off(said: Said) -> list[event_pb2.Event]:
    """Return what is left to say when an agent's events end before its run."""
    return failed(said, "", failure("UPSTREAM_UNAVAILABLE", "the agent's run was cut off", retryable=True))


def answers_to(so_far: state_pb2.JobState) -> Sequence[content_pb2.InputAnswer]:
    """Return the answers that a job was started with, under the ids that its agent gave to the questions."""
    named = []
    for own, given in questions.answers(so_far).items():
        answer = content_pb2.InputAnswer()
        answer.CopyFrom(given)
        answer.input_request_id = own
        named.append(answer)
    return named


def _question(interrupt: core.Interrupt, said: Said, job_id: str) -> content_pb2.InputRequest:
    call = interrupt.tool_call_id
    request = content_pb2.InputRequest(
        id=f"{job_id}/{interrupt.id}",
        type=questions.APPROVAL if call else interrupt.reason,
        message=interrupt.message or "",
        decisions=_OF_CALLS if call else _OF_OTHERS,
        schema_json=json.dumps(interrupt.response_schema) if interrupt.response_schema and not call else "",
        detail_json=json.dumps(interrupt.metadata) if interrupt.metadata else "",
    )
    if call and (index := said.index_of(call)) is not None:
        request.part_index = index
    if interrupt.expires_at:
        try:
            request.expire_time.FromJsonString(interrupt.expires_at)
        except ValueError:
            # AG-UI does not say how a time is written.
            request.ClearField("expire_time")
    return request


def _use(said: Said, usage: Sequence[core.TokenUsage] | None) -> None:
    for used in usage or ():
        counts = content_pb2.Usage()
        for name in _COUNTS:
            setattr(counts, name, getattr(used, name) or 0)
        said.usage(counts, used.model or "")
