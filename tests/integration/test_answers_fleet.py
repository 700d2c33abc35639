"""Two tabs answer at two instances on one Redis: one of them is first, whoever dies on the way, and both follow it."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc import ids
from streamsvc.client import Client
from streamsvc.errors import InputAnswered
from streamsvc.v1 import content_pb2, job_pb2, state_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import stub_of
from tests.support.events import kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, obey, whole
from tests.support.length import by_length
from tests.support.people import QUICK, REJECT, answer, asking
from tests.support.redis_servers import shared, shared_cluster
from tests.support.service import client_of
from tests.support.steps import Steps

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 10
TIMES = by_length(50, 500)
STEPS = by_length([1, 3], [*range(1, 10)])


async def asked(client: Client) -> state_pb2.JobState:
    """Have a job ask, and return its state when it has ended."""
    job = await client.start("write to Ada", producer="scripted", parameters=asking())
    async for _ in client.stream(job.id):
        pass
    return await client.state(job.id)


async def answered(client: Client, given: content_pb2.InputAnswer, previous: str) -> tuple[bool, str]:
    """Answer, and return whether this was the first answer, and its job."""
    try:
        return True, (await client.start(previous_job_id=previous, answers=[given], parameters=QUICK)).id
    except InputAnswered as first:
        return False, first.job_id


async def raced(here: Client, there: Client) -> str:
    """Have one question answered at two instances at once, and return the job that both of them follow."""
    first = await asked(here)
    question = first.input_requests[0].id
    answers = [answer(question, REJECT, comment=tab) for tab in ("here", "there")]
    found = await asyncio.gather(
        *(answered(client, given, first.job.id) for client, given in zip((here, there), answers, strict=True))
    )
    (taken,) = (given for given, (was_first, _) in zip(answers, found, strict=True) if was_first)
    (job_id,) = {job_id for _, job_id in found}
    state = await obey(there, job_id, [Follower(here, job_id, "here"), Follower(there, job_id, "there")])
    assert (state.job.previous_job_id, list(state.answers)) == (first.job.id, [taken])
    return job_id


@pytest.mark.parametrize("times", [pytest.param(TIMES, id="one server"), pytest.param(AT_ONCE, id="a cluster")])
async def test_of_two_answers_at_two_instances_at_once_one_is_first_and_both_follow_it(times: int) -> None:
    uri = shared().uri if times == TIMES else shared_cluster().uri
    async with fleet(uri, uri) as (a, b), client_of(a.address) as here, client_of(b.address) as there:
        jobs: list[str] = []
        for _ in range(times // AT_ONCE):
            jobs += await asyncio.gather(*(raced(here, there) for _ in range(AT_ONCE)))
        assert len(set(jobs)) == times
        assert len([job async for job in there.jobs()]) == 2 * times


async def test_an_instance_that_dies_between_any_two_steps_of_an_answer_leaves_one_job_or_an_open_question() -> None:
    async with (
        Steps(shared().address) as steps,
        fleet(f"redis://{steps.address}", shared().uri) as (dying, living),
        client_of(living.address) as client,
    ):
        firsts = []
        for number in STEPS:
            first = await asked(client)
            request = pb.StartGenerationRequest(
                previous_job_id=first.job.id, answers=[answer(first.input_requests[0].id)], parameters=QUICK
            )
            job_id = ids.job_id_of_answers(first.job.id)
            steps.allow(number, job_id)
            async with stub_of(dying.address) as stub:
                answering = asyncio.ensure_future(stub.StartGeneration(request))
                taken = asyncio.ensure_future(steps.taken.wait())
                await asyncio.wait({answering, taken}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
                await dying.kill()
                await asyncio.gather(answering, return_exceptions=True)
                taken.cancel()
            steps.go_on()
            restarting = asyncio.create_task(dying.start())
            was_first, found = await answered(client, request.answers[0], first.job.id)
            firsts.append(was_first)
            assert found == job_id
            state = await obey(client, job_id, [Follower(client, job_id, "reader")], cause=f"step {number}")
            assert state.job.status == job_pb2.JOB_STATUS_COMPLETED
            assert kinds(await whole(client, job_id)).count("job_created") == 1
            await restarting
        assert set(firsts) == {True, False}  # some of the steps were before the job was made, some after
