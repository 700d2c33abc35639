"""Row 12 for processes outside: a CreateJob or ClaimJob whose answer is lost, or whose instance dies in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random

import pytest

from streamsvc import ids
from streamsvc.client import ClientOptions, publish
from streamsvc.v1 import job_pb2
from streamsvc.v1 import producer_service_pb2 as pb
from tests.support.counting import counted
from tests.support.crowd import AT_ONCE
from tests.support.events import answer, kinds, part_started, text
from tests.support.fleet import fleet
from tests.support.following import Follower, obey, whole
from tests.support.length import by_length
from tests.support.outside import AGENT, completed, producer_stub_of, publishing, seconds
from tests.support.outside_process import WORKERS, for_workers
from tests.support.proxy import Proxy
from tests.support.redis_servers import shared
from tests.support.service import client_of
from tests.support.steps import Steps

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 12
STEPS = by_length([1, 2, 3, 4, 6], [*range(1, 16)])


async def count(tokens: int) -> AsyncIterator[str]:
    for number in range(tokens):
        yield f"{number} "


async def test_jobs_that_are_created_over_connections_that_break_are_made_once_each() -> None:
    random = Random(SEED)
    jobs = by_length(30, 500)
    async with (
        fleet(*2 * [shared().uri], claim_grace="20s") as instances,
        AsyncExitStack() as opened,
        client_of(instances[0].address) as client,
    ):
        proxies = [
            await opened.enter_async_context(
                Proxy(instance.internal_address, random=random, cuts=2 * jobs, cut_after=(10, 3000))
            )
            for instance in instances
        ]
        targets, options = [proxy.address for proxy in proxies], ClientOptions(backoff=AT_ONCE)
        made = [
            job
            for _ in range(jobs // 6)
            for job in await asyncio.gather(*[publish(count(5), *targets, options=options) for _ in range(6)])
        ]
        assert sum(proxy.cut for proxy in proxies) > len(made) / 10
        assert sorted([job.id async for job in client.jobs()]) == sorted(job.id for job in made)
        for job in made:
            state = await client.state(job.id)
            assert (answer(state), state.job.status) == (counted(5), job_pb2.JOB_STATUS_COMPLETED)
        for job in made[::10]:
            await obey(client, job.id, [Follower(client, job.id, "reader")])


async def test_an_instance_that_dies_between_any_two_steps_of_a_create() -> None:
    async with (
        Steps(shared().address) as steps,
        fleet(f"redis://{steps.address}", shared().uri, claim_grace="20s") as (dying, living),
        producer_stub_of(living.internal_address) as other,
        client_of(living.address) as client,
    ):
        for number in STEPS:
            request = pb.CreateJobRequest(request_id=f"r {number}", writer_id="w", conversation_id=f"c {number}")
            job_id = ids.job_id_of_request("", "anonymous", request.request_id)
            steps.allow(number, job_id)
            async with producer_stub_of(dying.internal_address) as stub:
                creating = asyncio.ensure_future(stub.CreateJob(request))
                taken = asyncio.ensure_future(steps.taken.wait())
                await asyncio.wait({creating, taken}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
                await dying.kill()
                await asyncio.gather(creating, return_exceptions=True)
                taken.cancel()
            steps.go_on()
            restarting = asyncio.create_task(dying.start())
            made = await other.CreateJob(request)
            assert (made.job.id, made.lease.fence) == (job_id, 1)
            events = [part_started(), text(f"step {number}"), completed()]
            await other.PublishEvents(publishing(job_id, made.lease, made.job.last_offset, events))
            state = await obey(client, job_id, [Follower(client, job_id, "reader")], cause=f"step {number}")
            assert answer(state) == f"step {number}"
            assert kinds(await whole(client, job_id))[:2] == ["job_created", "job_started"]
            await restarting
        assert len([job async for job in client.jobs()]) == len(STEPS)


async def test_an_instance_that_dies_between_any_two_steps_of_a_claim() -> None:
    async with (
        Steps(shared().address) as steps,
        fleet(f"redis://{steps.address}", shared().uri, environment=WORKERS, claim_grace="60s", max_attempts="100") as (
            dying,
            living,
        ),
        producer_stub_of(living.internal_address) as other,
        client_of(living.address) as client,
    ):
        for number in STEPS:
            job = await client.start_request(for_workers(1, 0))
            claim = pb.ClaimJobRequest(producer=AGENT, request_id=f"claim {number}", wait=seconds(20))
            steps.allow(number, job.id)
            async with producer_stub_of(dying.internal_address) as stub:
                claiming = asyncio.ensure_future(stub.ClaimJob(claim))
                taken = asyncio.ensure_future(steps.taken.wait())
                await asyncio.wait({claiming, taken}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
                await dying.kill()
                await asyncio.gather(claiming, return_exceptions=True)
                taken.cancel()
            steps.go_on()
            restarting = asyncio.create_task(dying.start())
            claimed = await other.ClaimJob(claim)
            assert claimed.state.job.id == job.id
            events = [part_started(), text(f"step {number}"), completed()]
            await other.PublishEvents(publishing(job.id, claimed.lease, claimed.state.offset, events))
            state = await obey(client, job.id, [Follower(client, job.id, "reader")], cause=f"step {number}")
            assert answer(state) == f"step {number}"
            assert kinds(await whole(client, job.id)).count("job_started") == 1
            await restarting
