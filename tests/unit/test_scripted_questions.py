"""What the scripted producer asks, and what it says of answers: once, from wherever it goes on."""

from __future__ import annotations

import json
from itertools import count

import pytest

from streamsvc.producers.base import Finished, Notes
from streamsvc.producers.scripted import Scripted
from streamsvc.v1 import content_pb2, job_pb2, job_service_pb2, state_pb2
from tests.support import people
from tests.support.events import Event, answer, kinds, scripted
from tests.support.folding import folded, numbered
from tests.support.virtual_time import in_virtual_time


async def told(
    request: job_service_pb2.StartGenerationRequest, so_far: state_pb2.JobState | None = None
) -> tuple[list[Event], Finished]:
    """Return what a script says after `so_far`, and how it ends."""
    ids = count(1)
    events: list[Event] = []
    async for item in Scripted(new_id=lambda: f"question-{next(ids)}").generate(request, so_far, Notes()):
        if isinstance(item, Finished):
            return events, item
        events.append(item)
    raise AssertionError("the script ended without a reason")


@in_virtual_time
async def test_it_asks_whether_a_tool_may_run_and_waits_for_people() -> None:
    events, finished = await told(scripted(tokens=1, rate=0, ask="approval"))
    assert kinds(events) == ["part_started", "text_delta", "part_completed", "part_started", "input_requested"]
    assert finished == Finished(job_pb2.FINISH_REASON_INPUT_REQUIRED)
    state = folded(numbered(*events))
    (question,) = state.input_requests
    assert (question.id, question.type, list(question.decisions)) == (
        "question-1",
        "tool_approval",
        [people.APPROVE, people.REJECT, people.EDIT],
    )
    call = state.parts[question.part_index].tool_call
    assert (call.name, call.status) == ("send_letter", content_pb2.TOOL_CALL_STATUS_READY)
    assert json.loads(call.arguments_json)["to"] == "Ada"


@in_virtual_time
async def test_it_asks_something_that_is_answered_in_words() -> None:
    events, finished = await told(scripted(tokens=0, ask="question"))
    assert kinds(events) == ["input_requested"]
    assert finished == Finished(job_pb2.FINISH_REASON_INPUT_REQUIRED)
    question = events[0].input_requested.input_request
    assert not question.HasField("part_index")
    assert (question.type, json.loads(question.schema_json)) == ("question", {"type": "string"})


@in_virtual_time
async def test_an_answer_that_is_cut_off_asks_nothing() -> None:
    request = scripted(tokens=5, rate=0, ask="both")
    request.parameters.max_tokens = 2
    events, finished = await told(request)
    assert "input_requested" not in kinds(events)
    assert finished == Finished(job_pb2.FINISH_REASON_LENGTH)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (people.answer("q", people.REJECT), "Then not. "),
        (people.answer("q", people.REJECT, comment="too long"), "Then not: too long. "),
        (people.answer("q", people.RESPOND, '"the old one"'), 'You said "the old one". '),
    ],
)
@in_virtual_time
async def test_it_quotes_what_people_said(given: content_pb2.InputAnswer, said: str) -> None:
    request = scripted(tokens=2, rate=0, pattern="count")
    request.answers.append(given)
    events, finished = await told(request)
    assert answer(folded(numbered(*events))) == f"{said}0 1 "
    assert finished == Finished(job_pb2.FINISH_REASON_STOP)


@pytest.mark.parametrize(
    ("given", "to"),
    [(people.answer("q"), "Ada"), (people.answer("q", people.EDIT, '{"to": "Ben", "text": "x"}'), "Ben")],
)
@in_virtual_time
async def test_what_was_approved_is_done(given: content_pb2.InputAnswer, to: str) -> None:
    request = scripted(tokens=0)
    request.answers.append(given)
    events, _ = await told(request)
    (part,) = folded(numbered(*events)).parts
    assert part.completed
    assert part.tool_call.status == content_pb2.TOOL_CALL_STATUS_SUCCEEDED
    assert json.loads(part.tool_call.arguments_json)["to"] == to
    assert part.tool_call.results[0].text


@in_virtual_time
async def test_it_goes_on_from_every_prefix_and_asks_nothing_twice() -> None:
    request = scripted(tokens=5, rate=0, ask="both")
    request.answers.append(people.answer("q"))
    request.answers.append(people.answer("r", people.RESPOND, '"a b c"'))
    events, _ = await told(request)
    expected = folded(numbered(*events))
    for said in range(len(events) + 1):
        rest, finished = await told(request, folded(numbered(*events[:said])))
        state = folded(numbered(*events[:said], *rest))
        assert list(state.parts) == list(expected.parts), f"after {said} events"
        assert [request.type for request in state.input_requests] == ["tool_approval", "question"]
        assert finished.reason == job_pb2.FINISH_REASON_INPUT_REQUIRED
