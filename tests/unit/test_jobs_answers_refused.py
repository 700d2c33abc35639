"""Answers that cannot be taken: each mistake is told by its field, with the way out."""

from __future__ import annotations

import pytest

from streamsvc.errors import FieldInvalid, JobNotFound, ProducerUnknown
from streamsvc.jobs import answers
from streamsvc.jobs.answers import MAX_ANSWERS, MAX_COMMENT, MAX_JSON
from streamsvc.jobs.coordinator import Jobs
from streamsvc.principal import ANONYMOUS, Principal
from streamsvc.producers.base import Finished
from streamsvc.producers.scripted import Scripted
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import Event
from tests.support.families import anthropic, openai_responses
from tests.support.people import APPROVE, EDIT, REJECT, RESPOND, answer, asked, go_on
from tests.support.producers import STOP
from tests.support.rig import OPTIONS, Rig, one_rig
from tests.support.virtual_time import chance, in_virtual_time

ID = "0" * 32
QUESTIONS = ("approval", "question")


def state(**job: object) -> state_pb2.JobState:
    """Return a job that asked whether a tool may run, something, and something that has expired at 1000 s."""
    found = state_pb2.JobState()
    found.job.id, found.job.status = ID, job_pb2.JOB_STATUS_COMPLETED
    found.job.finish_reason = job_pb2.FINISH_REASON_INPUT_REQUIRED
    found.job.MergeFrom(job_pb2.Job(**job))  # type: ignore[arg-type]
    found.input_requests.add(id="approval", decisions=[APPROVE, REJECT])
    found.input_requests.add(id="question")
    found.input_requests.add(id="expired").expire_time.FromSeconds(1000)
    return found


def refused(given: list[content_pb2.InputAnswer], asked: state_pb2.JobState | None = None, now: int = 1_000_000) -> str:
    """Return why answers do not fit, and check that the field is named."""
    with pytest.raises(FieldInvalid) as caught:
        answers.check_fit(asked or state(), given, now)
    return caught.value.message


def both(*more: content_pb2.InputAnswer) -> list[content_pb2.InputAnswer]:
    return [answer("approval"), answer("question", RESPOND, "1"), *more]


def test_what_has_expired_is_left_out_and_all_else_is_answered() -> None:
    answers.check_fit(state(), both(), 1_000_000)
    answers.check_fit(state(), both(answer("expired")), 999_999)
    assert refused(both(), now=999_999).startswith("answers: leave open expired: ")
    assert refused(both(answer("expired"))).startswith("answers[2]: question expired expired at 1970-01-01T00:16:40Z")


def test_questions_are_answered_together() -> None:
    assert refused([answer("question")]) == (
        "answers: leave open approval: the questions of a job are answered together, by one start"
    )


def test_only_what_was_asked_is_answered() -> None:
    text = f"answers[2].input_request_id: is 'other', no question of job {ID}; it asked approval, question, expired"
    assert refused(both(answer("other"))) == text


def test_only_allowed_decisions_are_taken() -> None:
    text = "answers[0].decision: is INPUT_DECISION_EDIT, and the question allows "
    assert refused([answer("approval", EDIT, "{}")]) == f"{text}INPUT_DECISION_APPROVE, INPUT_DECISION_REJECT"


def test_only_a_job_that_waits_for_people_is_answered() -> None:
    running = state(status=job_pb2.JOB_STATUS_RUNNING)
    assert "has not ended" in refused(both(), running)
    stopped = state(finish_reason=job_pb2.FINISH_REASON_STOP)
    assert "does not wait for people" in refused(both(), stopped)
    asked_nothing = state()
    del asked_nothing.input_requests[:]
    assert "does not wait for people" in refused(both(), asked_nothing)


FIT = [
    [answer("i" * 128, EDIT, '"' + "x" * (MAX_JSON - 2) + '"', "c" * MAX_COMMENT)],
    [answer(str(number), REJECT) for number in range(MAX_ANSWERS)],
    [answer("i", RESPOND, "null")],
    [answer("i", APPROVE, "{}")],
]

UNFIT = [
    ([answer("")], "answers[0].input_request_id"),
    ([answer("i" * 129)], "answers[0].input_request_id"),
    ([answer("i"), answer("j"), answer("i")], "answers[2].input_request_id"),
    ([answer("i", content_pb2.INPUT_DECISION_UNSPECIFIED)], "answers[0].decision"),
    ([answer("i", 77)], "answers[0].decision"),  # type: ignore[arg-type]
    ([answer("i", RESPOND)], "answers[0].json"),
    ([answer("i", EDIT)], "answers[0].json"),
    ([answer("i", RESPOND, "yes")], "answers[0].json"),
    ([answer("i", RESPOND, "NaN")], "answers[0].json"),
    ([answer("i", RESPOND, "[" * MAX_JSON)], "answers[0].json"),
    ([answer("i", RESPOND, "1" * (MAX_JSON + 1))], "answers[0].json"),
    ([answer("i", REJECT, comment="c" * (MAX_COMMENT + 1))], "answers[0].comment"),
    ([answer(str(number)) for number in range(MAX_ANSWERS + 1)], "answers"),
]


@pytest.mark.parametrize("given", FIT)
def test_answers_at_their_bounds_are_taken(given: list[content_pb2.InputAnswer]) -> None:
    answers.check_form(pb.StartGenerationRequest(previous_job_id=ID, answers=given))


@pytest.mark.parametrize(("given", "field"), UNFIT)
def test_answers_over_a_bound_are_refused_by_the_field(given: list[content_pb2.InputAnswer], field: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        answers.check_form(pb.StartGenerationRequest(previous_job_id=ID, answers=given))
    assert caught.value.metadata["field"] == field


def test_answers_name_the_job_that_asked() -> None:
    with pytest.raises(FieldInvalid) as caught:
        answers.check_form(pb.StartGenerationRequest(answers=[answer("i")]))
    assert caught.value.metadata["field"] == "previous_job_id"


async def waiting(rig: Rig) -> state_pb2.JobState:
    """Have a job of nobody's producer ask, and return its state."""
    job = await rig.start(prompt="p")
    question = content_pb2.InputRequest(id="q")
    rig.told.say(Event(input_requested=event_pb2.InputRequested(input_request=question)))
    rig.told.say(Finished(job_pb2.FINISH_REASON_INPUT_REQUIRED))
    await rig.read(job.id)
    return await rig.state(job.id)


@in_virtual_time
async def test_the_job_that_asked_must_be_there_and_be_the_callers() -> None:
    async with one_rig() as rig:
        first = await asked(rig)
        given = [answer(first.input_requests[0].id)]
        somebody = Principal("somebody", grants=frozenset({first.job.id}))
        for principal, job_id in ((Principal("anonymous"), ID), (somebody, first.job.id)):
            with pytest.raises(JobNotFound) as caught:
                await rig.jobs.start(principal, pb.StartGenerationRequest(previous_job_id=job_id, answers=given))
            assert caught.value.metadata["job_id"] == job_id
        assert (await go_on(rig, first, *given)).owner == "anonymous"


@in_virtual_time
async def test_a_job_that_has_not_ended_or_asked_nothing_is_not_answered() -> None:
    async with one_rig() as rig:
        job = await rig.start(prompt="p")
        with pytest.raises(FieldInvalid, match="has not ended"):
            await go_on(rig, await rig.state(job.id), answer("q"))
        rig.told.say(STOP)
        await rig.read(job.id)
        with pytest.raises(FieldInvalid, match="does not wait for people"):
            await go_on(rig, await rig.state(job.id), answer("q"))


@in_virtual_time
async def test_a_producer_that_is_not_there_any_more_is_named() -> None:
    async with one_rig() as rig:
        first = await waiting(rig)
        elsewhere = Jobs(rig.shared, {"scripted": Scripted()}, OPTIONS, chance(1))
        with pytest.raises(ProducerUnknown, match="'told'"):
            await elsewhere.start(
                ANONYMOUS, pb.StartGenerationRequest(previous_job_id=first.job.id, answers=[answer("q")])
            )


@pytest.mark.parametrize("make", [anthropic, openai_responses])
def test_a_producer_that_calls_a_model_takes_no_answers(make: object) -> None:
    producer = make("model", "http://127.0.0.1:1")  # type: ignore[operator]
    with pytest.raises(FieldInvalid) as caught:
        producer.check(pb.StartGenerationRequest(answers=[answer("q")]))
    assert caught.value.metadata == {"field": "answers", "producer": "model"}
