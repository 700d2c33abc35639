"""People in the loop: a job that asks ends, and of all who answer one starts the job that goes on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

import pytest
from google.protobuf.duration_pb2 import Duration

from streamsvc.errors import ConversationBusy, FieldInvalid, InputAnswered, JobNotFound, LogClosed
from streamsvc.ids import job_id_of_answers
from streamsvc.principal import ANONYMOUS
from streamsvc.producers.base import Finished
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import Event, kinds, scripted
from tests.support.events import answer as text_of
from tests.support.people import APPROVE, QUICK, REJECT, RESPOND, answer, asked, go_on
from tests.support.rig import Rig, one_rig, rigs
from tests.support.virtual_time import in_virtual_time, now, settle


async def answered(rig: Rig, question: str, previous: str, delay: float = 0, request_id: str = "") -> job_pb2.Job | str:
    """Answer after `delay`. Returns the job, or the id of the one that has the first answers."""
    await asyncio.sleep(delay)
    request = pb.StartGenerationRequest(
        previous_job_id=previous, answers=[answer(question)], parameters=QUICK, request_id=request_id
    )
    try:
        return await rig.start(request)
    except InputAnswered as first:
        return first.job_id


async def asked_until(rig: Rig, seconds: int) -> state_pb2.JobState:
    """Have a job ask something that expires after so long, and return its state."""
    job = await rig.start(prompt="p")
    question = content_pb2.InputRequest(id="q")
    question.expire_time.FromNanoseconds(job.create_time.ToNanoseconds() + seconds * 10**9)
    rig.told.say(Event(input_requested=event_pb2.InputRequested(input_request=question)))
    rig.told.say(Finished(job_pb2.FINISH_REASON_INPUT_REQUIRED))
    await rig.read(job.id)
    return await rig.state(job.id)


@in_virtual_time
async def test_a_job_that_asked_goes_on_with_the_answers_in_another() -> None:
    async with one_rig() as rig:
        first = await asked(rig, "both", conversation_id="c")
        assert first.job.finish_reason == job_pb2.FINISH_REASON_INPUT_REQUIRED
        approval, question = (request.id for request in first.input_requests)
        answers = [answer(approval, APPROVE), answer(question, RESPOND, '"the old one"', "I asked her")]
        job = await go_on(rig, first, *answers)
        assert (job.conversation_id, job.producer, job.model) == ("c", "scripted", "scripted")
        assert job.previous_job_id == first.job.id
        await rig.read(job.id)
        state = await rig.state(job.id)
        assert list(state.answers) == answers
        assert text_of(state).startswith('You said "the old one". ')
        assert state.job.finish_reason == job_pb2.FINISH_REASON_STOP


@in_virtual_time
async def test_what_the_request_names_wins_over_what_the_job_that_asked_had() -> None:
    async with one_rig() as rig:
        first = await asked(rig, conversation_id="c")
        given = answer(first.input_requests[0].id)
        job = await go_on(rig, first, given, conversation_id="d", producer="told", prompt="and be quick")
        assert (job.conversation_id, job.producer, job.model) == ("d", "told", "m")
        await settle()
        (request,) = rig.told.requests
        assert (request.previous_job_id, list(request.answers)) == (first.job.id, [given])
        assert request.messages[0].parts[0].text.text == "and be quick"


@in_virtual_time
async def test_a_second_answer_is_refused_and_names_the_job_that_has_the_first() -> None:
    async with one_rig() as rig:
        first = await asked(rig)
        (question,) = first.input_requests
        job = await go_on(rig, first, answer(question.id))
        for given in (answer(question.id), answer(question.id, REJECT), answer("no such question")):
            with pytest.raises(InputAnswered) as refused:
                await go_on(rig, first, given)
            assert refused.value.job_id == refused.value.metadata["job_id"] == job.id


@in_virtual_time
async def test_a_repeated_start_finds_its_job_also_when_the_question_has_expired_meanwhile() -> None:
    async with one_rig() as rig:
        first, given = await asked_until(rig, 10), answer("q")
        late = await asked_until(rig, 10)
        job = await go_on(rig, first, given, request_id="r")
        await asyncio.sleep(20)
        assert (await go_on(rig, first, given, request_id="r")).id == job.id
        with pytest.raises(InputAnswered):
            await go_on(rig, first, given, request_id="s")
        with pytest.raises(FieldInvalid, match="expired"):
            await go_on(rig, late, given)


@in_virtual_time
async def test_two_hundred_questions_that_are_answered_at_two_instances_at_once_have_one_job_each() -> None:
    chance = Random(3)
    async with rigs(2) as instances:
        for _ in range(200):
            first = await asked(instances[0])
            question, delays = first.input_requests[0].id, [chance.choice([0, 0, 0.001, 0.02]) for _ in range(2)]
            found = await asyncio.gather(
                *(answered(rig, question, first.job.id, delay) for rig, delay in zip(instances, delays, strict=True))
            )
            (job,) = (one for one in found if isinstance(one, job_pb2.Job))
            (other,) = (one for one in found if isinstance(one, str))
            assert other == job.id
            assert kinds((await instances[1].read(job.id)).events).count("job_started") == 1
        listed = await instances[0].jobs.list(ANONYMOUS, pb.ListJobsRequest(page_size=1000))
        assert len(listed.jobs) == 400


@in_virtual_time
async def test_a_start_that_was_held_up_before_it_made_its_job_is_second() -> None:
    async with rigs(2) as (slow, fast):
        first = await asked(slow)
        question = first.input_requests[0].id
        slow.faults.hold("create")
        late = asyncio.create_task(answered(slow, question, first.job.id))
        await settle()
        began = now()
        job = await answered(fast, question, first.job.id)
        assert isinstance(job, job_pb2.Job)
        assert now() == began  # nobody waits for a start that may never go on
        slow.faults.let_go("create")
        assert await late == job.id


@in_virtual_time
async def test_an_instance_that_dies_while_it_takes_an_answer_blocks_no_question() -> None:
    async with rigs(2) as (dying, living):
        first = await asked(dying)
        question = first.input_requests[0].id
        dying.faults.hold("create")
        lost = asyncio.create_task(answered(dying, question, first.job.id, request_id="r"))
        await settle()
        lost.cancel()
        job = await answered(living, question, first.job.id, request_id="r")
        assert isinstance(job, job_pb2.Job)
        assert kinds((await living.read(job.id)).events)[-1] == "job_completed"


@in_virtual_time
async def test_a_start_that_is_refused_leaves_the_question_open() -> None:
    async with one_rig() as rig:
        first = await asked(rig, conversation_id="c")
        question = answer(first.input_requests[0].id)
        busy = await rig.start(prompt="p", conversation_id="c")
        with pytest.raises(ConversationBusy):
            await go_on(rig, first, question, concurrency=pb.CONCURRENCY_POLICY_REJECT)
        await rig.cancel(busy.id)
        await rig.read(busy.id)
        job = await go_on(rig, first, question, concurrency=pb.CONCURRENCY_POLICY_REJECT)
        assert kinds((await rig.read(job.id)).events)[-1] == "job_completed"


@in_virtual_time
async def test_a_job_that_was_deleted_is_still_the_answer() -> None:
    async with one_rig() as rig:
        first = await asked(rig)
        question = first.input_requests[0].id
        job = await answered(rig, question, first.job.id)
        assert isinstance(job, job_pb2.Job)
        await rig.jobs.delete(ANONYMOUS, job.id)
        assert await answered(rig, question, first.job.id) == job.id == job_id_of_answers(first.job.id)


@in_virtual_time
async def test_no_lease_is_held_while_people_think() -> None:
    async with one_rig() as rig:
        rig.run()
        first = await asked(rig, retention=Duration(seconds=7200))
        await settle()
        assert rig.jobs.running == 0
        assert await rig.shared.abandoned() == []
        with pytest.raises(LogClosed):
            await rig.shared.acquire(first.job.id, timedelta(seconds=10))
        before = await rig.state(first.job.id)
        await asyncio.sleep(5000)
        assert await rig.state(first.job.id) == before
        job = await go_on(rig, first, answer(first.input_requests[0].id))
        assert kinds((await rig.read(job.id)).events)[-1] == "job_completed"


@in_virtual_time
async def test_a_question_lives_as_long_as_its_job_and_the_answer_longer() -> None:
    async with one_rig() as rig:
        first = await asked(rig, retention=Duration(seconds=3000))
        question = first.input_requests[0].id
        job = await go_on(rig, first, answer(question), retention=Duration(seconds=1))
        assert job.retention.seconds == 3000
        await rig.read(job.id)
        await asyncio.sleep(2900)
        assert await answered(rig, question, first.job.id) == job.id
        await asyncio.sleep(200)
        with pytest.raises(JobNotFound):
            await answered(rig, question, first.job.id)


@in_virtual_time
async def test_the_job_with_the_answers_goes_on_elsewhere_when_its_instance_is_lost() -> None:
    async with rigs(2) as (lost, living):
        living.run()
        first = await asked(lost, "question")
        request = scripted(tokens=40, rate=10, pattern="count")
        job = await go_on(
            lost, first, answer(first.input_requests[0].id, RESPOND, '"here"'), parameters=request.parameters
        )
        await asyncio.sleep(1)
        lost.faults.reachable = False
        await living.read(job.id)
        state = await living.state(job.id)
        assert text_of(state) == 'You said "here". ' + "".join(f"{number} " for number in range(40))
