"""What a graph asks people by `interrupt`, and what it gets back from their answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langgraph.types import Interrupt

from streamsvc.adapters.langgraph.content import json_of
from streamsvc.adapters.saying import Saying
from streamsvc.v1 import content_pb2, state_pb2

if TYPE_CHECKING:
    from streamsvc.adapters.langgraph.memory import Past, Waiting

APPROVE = content_pb2.INPUT_DECISION_APPROVE
REJECT = content_pb2.INPUT_DECISION_REJECT
EDIT = content_pb2.INPUT_DECISION_EDIT
RESPOND = content_pb2.INPUT_DECISION_RESPOND

_DECISIONS = {"approve": APPROVE, "reject": REJECT, "edit": EDIT, "respond": RESPOND}
_READY = content_pb2.TOOL_CALL_STATUS_READY


def ask(saying: Saying, waiting: Waiting | None, so_far: state_pb2.JobState) -> bool:
    """Ask what the graph waits for. Returns whether it waits."""
    if waiting is None:
        return False
    snapshot = waiting.snapshot
    asked = _prefix(so_far.job.id, "" if so_far.job.conversation_id else first_job(so_far))
    steps = {one.id: task.id for task in snapshot.tasks for one in task.interrupts}
    for interrupt in snapshot.interrupts:
        for number, request in enumerate(_requests(interrupt, saying, waiting.calls)):
            request.id = f"{asked}{interrupt.id}/{number}"
            request.step_id = steps.get(interrupt.id, "")
            saying.ask(request)
    if not snapshot.interrupts:
        at = snapshot.config.get("configurable", {}).get("checkpoint_id", "")
        message = f"Go on with {', '.join(snapshot.next)}?"
        pause = content_pb2.InputRequest(type="breakpoint", message=message, decisions=[APPROVE])
        pause.id = f"{asked}{at}/0"
        saying.ask(pause)
    return True


def fits(past: Past, so_far: state_pb2.JobState) -> bool:
    """Return whether the answers of a job are to what the graph waits for, or were taken by it."""
    asked = {answer.input_request_id.split("/")[-2] for answer in so_far.answers if "/" in answer.input_request_id}
    known = {past.at, *past.answered, *(interrupt.id for interrupt in past.interrupts)}
    return past.begun or not asked.isdisjoint(known)


def resume(past: Past, so_far: state_pb2.JobState) -> Mapping[str, Any]:
    """Return what the graph gets for each interrupt that it has no answer to, by the interrupt's id."""
    given: dict[str, Any] = {}
    for interrupt in past.interrupts:
        answers = _answers(interrupt, so_far)
        if answers and interrupt.id not in past.answered:
            given[interrupt.id] = _value(interrupt.value, answers)
    return given


def denied(past: Past, so_far: state_pb2.JobState) -> set[str]:
    """Return the ids of the calls that people have rejected."""
    found = set()
    for interrupt in past.interrupts:
        for action, answer in zip(_actions(interrupt.value), _answers(interrupt, so_far), strict=False):
            if answer.decision == REJECT:
                found.add(action.get("tool_call_id") or _call_of(action, past.calls))
    return found


def first_job(so_far: state_pb2.JobState) -> str:
    """Return the job without a conversation that this one goes on with by answers; itself if there is none."""
    ids = (answer.input_request_id.split("/") for answer in so_far.answers)
    return next((one[1] for one in ids if one[0] == so_far.job.previous_job_id and len(one) == 4), so_far.job.id)


def _prefix(job_id: str, first: str) -> str:
    return f"{job_id}/{first}/"


def _requests(interrupt: Interrupt, saying: Saying, calls: Mapping[str, Any]) -> Iterator[content_pb2.InputRequest]:
    actions = _actions(interrupt.value)
    for number, action in enumerate(actions):
        call_id = action.get("tool_call_id") or _call_of(action, calls)
        request = content_pb2.InputRequest(
            type="tool_approval",
            message=action.get("description") or f"May {action['name']} run?",
            decisions=[_DECISIONS[one] for one in _allowed(interrupt, number) if one in _DECISIONS],
            detail_json=json_of({"name": action["name"], "args": action.get("args", {})}),
        )
        saying.update(call_id, _READY)
        if (index := saying.index_of(call_id)) is not None:
            request.part_index = index
        yield request
    if not actions:
        value = interrupt.value
        words = value if isinstance(value, str) else value.get("question", "") if isinstance(value, dict) else ""
        schema = interrupt.response_schema
        yield content_pb2.InputRequest(
            type="question",
            message=words if isinstance(words, str) else "",
            schema_json=json.dumps(schema) if isinstance(schema, dict) else "",
            detail_json="" if isinstance(value, str) else json_of(value),
        )


def _actions(value: Any) -> Sequence[Mapping[str, Any]]:
    """Return the calls that are to be approved: as LangChain's HumanInTheLoopMiddleware asks, one by one or all."""
    if not isinstance(value, dict):
        return []
    actions = [value] if value.get("type") == "tool_approval" else value.get("action_requests")
    return [one for one in actions if isinstance(one, dict) and "name" in one] if isinstance(actions, list) else []


def _allowed(interrupt: Interrupt, number: int) -> Sequence[str]:
    """Return the decisions that are allowed for a call. Empty: all."""
    schema = interrupt.response_schema
    if isinstance(schema, dict):
        kind = schema.get("properties", {}).get("type", {})
        mapping = schema.get("discriminator", {}).get("mapping", {})
        return list(mapping) or kind.get("enum") or [kind.get("const", "")]
    configs = interrupt.value.get("review_configs") or []
    name = _actions(interrupt.value)[number]["name"]
    return next((one.get("allowed_decisions", []) for one in configs if one.get("action_name") == name), [])


def _answers(interrupt: Interrupt, so_far: state_pb2.JobState) -> list[content_pb2.InputAnswer]:
    """Return the answers to an interrupt, in the order of its questions."""
    asked = f"{so_far.job.previous_job_id}/"
    found = {}
    for answer in so_far.answers:
        of, _, number = answer.input_request_id.rpartition("/")
        if of.startswith(asked) and of.endswith(f"/{interrupt.id}"):
            found[int(number)] = answer
    return [found[number] for number in sorted(found)]


def _value(value: Any, answers: Sequence[content_pb2.InputAnswer]) -> Any:
    """Return what `interrupt` gives back to the graph."""
    actions = _actions(value)
    if not actions:
        return _reply(answers[0])
    decisions = [_decision(action, answer) for action, answer in zip(actions, answers, strict=True)]
    return decisions[0] if value.get("type") == "tool_approval" else {"decisions": decisions}


def _decision(action: Mapping[str, Any], answer: content_pb2.InputAnswer) -> Mapping[str, Any]:
    if answer.decision == EDIT:
        return {"type": "edit", "edited_action": {"name": action["name"], "args": json.loads(answer.json)}}
    if answer.decision == RESPOND:
        said = json.loads(answer.json)
        return {"type": "respond", "message": said if isinstance(said, str) else answer.json}
    if answer.decision == REJECT:
        return {"type": "reject", "message": answer.comment} if answer.comment else {"type": "reject"}
    return {"type": "approve"}


def _reply(answer: content_pb2.InputAnswer) -> Any:
    if answer.json:
        return json.loads(answer.json)
    return answer.comment or answer.decision == APPROVE


def _call_of(action: Mapping[str, Any], calls: Mapping[str, Any]) -> str:
    """Return the newest call with this name and these arguments."""
    alike = [
        call_id for call_id, one in calls.items() if (one["name"], one["args"]) == (action["name"], action.get("args"))
    ]
    return alike[-1] if alike else ""
