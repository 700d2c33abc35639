"""Row 12: a start whose answer is lost, that is repeated, or whose instance dies in the middle of it, makes one job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from random import Random

import pytest

from streamsvc import ids
from streamsvc.client import Client
from streamsvc.errors import ConversationBusy
from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import stub_of
from tests.support.chats import chunk
from tests.support.counting import counted, counting
from tests.support.crowd import AT_ONCE, cutting
from tests.support.events import answer, kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, obey, whole
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of
from tests.support.steps import Steps
from tests.support.talking import environment_of, question, stopping
from tests.support.upstream import Upstream, sse

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 12
ALLOW, REJECT, REPLACE = (
    pb.CONCURRENCY_POLICY_ALLOW,
    pb.CONCURRENCY_POLICY_REJECT,
    pb.CONCURRENCY_POLICY_REPLACE,
)
STEPS = by_length([1, 2, 3, 4, 5], [*range(1, 13)])
TOKENS = 10
POLICIES = by_length([REJECT], [ALLOW, REJECT, REPLACE])


async def test_a_start_that_is_sent_a_hundred_times_at_once_to_three_instances_makes_one_job() -> None:
    request = question()
    request.request_id = "once"
    async with (
        Upstream() as upstream,
        fleet(*3 * [shared().uri], environment=environment_of(upstream)) as instances,
        AsyncExitStack() as opened,
    ):
        upstream.expect(sse(chunk(content="one answer")), *stopping())
        stubs = [await opened.enter_async_context(stub_of(instance.address)) for instance in instances]
        started = await asyncio.gather(*[stubs[number % 3].StartGeneration(request) for number in range(100)])
        (job_id,) = {response.job.id for response in started}
        client = await opened.enter_async_context(client_of(instances[0].address))
        assert answer(await obey(client, job_id, [Follower(client, job_id, "reader")])) == "one answer"
        assert kinds(await whole(client, job_id)).count("job_created") == 1
        assert [job.id async for job in client.jobs()] == [job_id]
        assert len(upstream.exchanges) == 1


async def test_starts_whose_answers_are_lost_are_repeated_elsewhere_and_make_one_job_each() -> None:
    random = Random(SEED)
    jobs = by_length(30, 300)
    async with (
        fleet(*2 * [shared().uri]) as instances,
        cutting(instances, random, cuts=jobs, cut_after=(10, 3000)) as proxies,
        AsyncExitStack() as opened,
        client_of(instances[0].address) as direct,
    ):
        addresses = [proxy.address for proxy in proxies]
        clients = [
            await opened.enter_async_context(client_of(*random.sample(addresses, 2), backoff=AT_ONCE)) for _ in range(6)
        ]
        started = [
            job
            for _ in range(jobs // 6)
            for job in await asyncio.gather(*[client.start_request(counting(5, 0)) for client in clients])
        ]
        assert sum(proxy.cut for proxy in proxies) > len(started) / 10
        assert sorted([job.id async for job in direct.jobs()]) == sorted(job.id for job in started)
        for job in started[::10]:
            assert answer(await obey(direct, job.id, [Follower(direct, job.id, "reader")])) == counted(5)


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_instance_that_dies_between_any_two_steps_of_a_start(policy: pb.ConcurrencyPolicy.ValueType) -> None:
    async with (
        Steps(shared().address) as steps,
        fleet(f"redis://{steps.address}", shared().uri, lease_ttl="700ms", reaper_interval="200ms") as (dying, living),
        client_of(living.address) as client,
    ):
        for number in STEPS:
            request = counting(TOKENS, 100)
            request.request_id, request.conversation_id = f"request {number}", f"conversation {number}"
            request.concurrency = policy
            job_id = ids.job_id_of_request("", "anonymous", request.request_id)
            steps.allow(number, job_id)
            async with stub_of(dying.address) as stub:
                starting = asyncio.ensure_future(stub.StartGeneration(request))
                await asyncio.wait_for(steps.taken.wait(), 10)
                await dying.kill()
                await asyncio.gather(starting, return_exceptions=True)
            steps.go_on()
            restarting = asyncio.create_task(dying.start())
            job = await client.start_request(request)
            assert job.id == job_id
            state = await obey(client, job_id, [Follower(client, job_id, "reader")], cause=f"step {number}")
            assert (answer(state), state.job.status) == (counted(TOKENS), job_pb2.JOB_STATUS_COMPLETED)
            await restarting
        assert len([job async for job in client.jobs()]) == len(STEPS)


async def test_a_conversation_has_one_running_job_whichever_instances_are_asked_at_once() -> None:
    async with (
        fleet(*3 * [shared().uri]) as instances,
        AsyncExitStack() as opened,
    ):
        clients = [await opened.enter_async_context(client_of(instance.address)) for instance in instances]
        for turn, policy in enumerate(by_length(2, 20) * [REJECT, REPLACE]):
            request = counting(20, 100)
            request.conversation_id, request.concurrency = f"conversation {turn}", policy
            outcomes = await asyncio.gather(
                *[client.start_request(request) for client in clients for _ in range(3)], return_exceptions=True
            )
            started = [outcome for outcome in outcomes if isinstance(outcome, job_pb2.Job)]
            assert len(started) == (1 if policy == REJECT else 9)
            assert all(isinstance(outcome, job_pb2.Job | ConversationBusy) for outcome in outcomes)
            states = [await obey(clients[0], job.id, [Follower(clients[0], job.id, f"of {job.id}")]) for job in started]
            assert job_pb2.JOB_STATUS_COMPLETED in [state.job.status for state in states]
            ran = sorted([times async for times in running(clients[0], started)])
            assert all(before[1] <= after[0] for before, after in pairwise(ran))


async def running(client: Client, jobs: Sequence[job_pb2.Job]) -> AsyncIterator[tuple[int, int]]:
    """Yield when each job that was begun had a producer: from and to, in milliseconds since 1970."""
    for job in jobs:
        events = await whole(client, job.id)
        for event in events:
            if event.HasField("job_started"):
                yield event.create_time.ToMilliseconds(), events[-1].create_time.ToMilliseconds()
