"""Row 5 for processes outside: one that is frozen beyond its lease, and thaws when another has its job, is fenced."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.v1 import job_pb2
from tests.support.counting import counted, shown, told
from tests.support.events import answer, kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, obey, whole
from tests.support.length import by_length
from tests.support.outside_process import WORKERS, for_workers, internal, publisher, worker
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = by_length(200, 1500)
RATE = 50


async def test_a_publisher_that_thaws_when_a_worker_has_its_job_says_nothing_more() -> None:
    async with (
        fleet(*2 * [shared().uri], environment=WORKERS, claim_grace="20s") as (a, b),
        client_of(b.address) as client,
        publisher(internal(a), "r", TOKENS, RATE) as frozen,
    ):
        job_id = await frozen.said("job")
        reader = Follower(client, job_id, "reader")
        await reader.until(told(20))
        frozen.freeze()
        async with worker(internal(b)) as other:
            assert await other.said("job") == job_id
            await reader.until(shown("job_resumed"))
            frozen.thaw()
            state = await obey(client, job_id, [reader])
            assert answer(state) == counted(TOKENS)
            assert await frozen.ended() != 0
            assert "LeaseLost" in frozen.errors or "LogClosed" in frozen.errors
            assert kinds(await whole(client, job_id)).count("job_resumed") == 1


async def test_a_worker_that_thaws_closes_its_handler_and_works_on() -> None:
    async with (
        fleet(*2 * [shared().uri], environment=WORKERS, claim_grace="20s", max_attempts="100") as (a, b),
        client_of(b.address) as client,
        worker(internal(a)) as frozen,
    ):
        job = await client.start_request(for_workers(TOKENS, RATE))
        await frozen.said("job")
        reader = Follower(client, job.id, "reader")
        await reader.until(told(20))
        frozen.freeze()
        async with worker(internal(b)) as other:
            await other.said("job")
            await reader.until(shown("job_resumed"))
            frozen.thaw()
            assert await frozen.said("closed") == job.id
            assert answer(await obey(client, job.id, [reader])) == counted(TOKENS)
        again = await client.start_request(for_workers(10, 0))
        state = await obey(client, again.id, [Follower(client, again.id, "again")])
        assert (answer(state), state.job.status) == (counted(10), job_pb2.JOB_STATUS_COMPLETED)


async def test_a_publisher_that_thaws_before_anybody_has_its_job_goes_on() -> None:
    async with (
        fleet(shared().uri, claim_grace="60s") as (a,),
        client_of(a.address) as client,
        publisher(internal(a), "r", TOKENS, RATE) as frozen,
    ):
        job_id = await frozen.said("job")
        reader = Follower(client, job_id, "reader")
        await reader.until(told(20))
        frozen.freeze()
        await asyncio.sleep(3)  # two leases; nothing tells that they are over
        frozen.thaw()
        state = await obey(client, job_id, [reader])
        assert (answer(state), state.job.attempt) == (counted(TOKENS), 1)
        assert await frozen.ended() == 0
