"""What a script asks people, and what it says of their answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from streamsvc.producers.parts import Parts
from streamsvc.v1 import content_pb2, event_pb2, state_pb2

Ask = Literal["approval", "question", "both"]
"""What is asked: whether a tool may run, something that is answered in words, or first the one, then the other."""

_CALL_ID, _TOOL = "call_ask", "send_letter"
_LETTER = json.dumps({"to": "Ada", "text": "The river is high."})
_LETTER_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"to": {"type": "string"}, "text": {"type": "string"}},
        "required": ["to", "text"],
    }
)


def ask(
    wanted: Ask, parts: Parts, so_far: state_pb2.JobState | None, new_id: Callable[[], str]
) -> Iterator[event_pb2.Event]:
    """Yield the events of the questions, but for those that were asked before."""
    before = so_far or state_pb2.JobState()
    asked = {request.type for request in before.input_requests}
    if wanted != "question" and "tool_approval" not in asked:
        last = before.parts[-1] if before.parts else None
        if last is not None and last.tool_call.call_id == _CALL_ID:
            index = last.index
        else:
            index, opening = parts.start(_letter(_CALL_ID, content_pb2.TOOL_CALL_STATUS_READY, _LETTER))
            yield opening
        yield _requested(_approval(new_id(), index))
    if wanted != "approval" and "question" not in asked:
        yield _requested(_question(new_id()))


def replies(answers: Sequence[content_pb2.InputAnswer]) -> list[content_pb2.ContentPart]:
    """Return what is said of each answer, a whole part each.

    After APPROVE and EDIT the tool has run, with its own arguments or with those of the answer; after REJECT and
    RESPOND a text quotes the comment or the answer.
    """
    return [_reply(number, answer) for number, answer in enumerate(answers, 1)]


def _reply(number: int, answer: content_pb2.InputAnswer) -> content_pb2.ContentPart:
    if answer.decision in (content_pb2.INPUT_DECISION_APPROVE, content_pb2.INPUT_DECISION_EDIT):
        part = _letter(f"call_answer_{number}", content_pb2.TOOL_CALL_STATUS_SUCCEEDED, answer.json or _LETTER)
        part.tool_call.results.add(text="The letter is sent.")
    else:
        rejected = answer.decision == content_pb2.INPUT_DECISION_REJECT
        words = f"Then not{answer.comment and f': {answer.comment}'}. " if rejected else f"You said {answer.json}. "
        part = content_pb2.ContentPart(text=content_pb2.TextPart(text=words))
    part.completed = True
    return part


def _letter(call_id: str, status: content_pb2.ToolCallStatus.ValueType, arguments: str) -> content_pb2.ContentPart:
    call = content_pb2.ToolCallPart(
        call_id=call_id,
        name=_TOOL,
        arguments_json=arguments,
        status=status,
        runner=content_pb2.TOOL_RUNNER_PRODUCER,
    )
    return content_pb2.ContentPart(tool_call=call)


def _approval(request_id: str, part_index: int) -> content_pb2.InputRequest:
    return content_pb2.InputRequest(
        id=request_id,
        type="tool_approval",
        part_index=part_index,
        message="May the letter to Ada be sent?",
        schema_json=_LETTER_SCHEMA,
        decisions=(
            content_pb2.INPUT_DECISION_APPROVE,
            content_pb2.INPUT_DECISION_REJECT,
            content_pb2.INPUT_DECISION_EDIT,
        ),
    )


def _question(request_id: str) -> content_pb2.InputRequest:
    return content_pb2.InputRequest(
        id=request_id,
        type="question",
        message="Which garden is meant?",
        schema_json=json.dumps({"type": "string"}),
        decisions=(content_pb2.INPUT_DECISION_RESPOND, content_pb2.INPUT_DECISION_REJECT),
    )


def _requested(request: content_pb2.InputRequest) -> event_pb2.Event:
    return event_pb2.Event(input_requested=event_pb2.InputRequested(input_request=request))
