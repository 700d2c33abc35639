"""Processes outside the service that are killed and started again, and the instances that they write through."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.v1 import job_pb2
from tests.support.counting import counted, told
from tests.support.events import answer, kinds, text_of
from tests.support.fleet import fleet
from tests.support.following import Follower, obey, whole
from tests.support.length import by_length
from tests.support.outside_process import WORKERS, for_workers, internal, publisher, worker
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = by_length(150, 900)
RATE = 60
KILLS = by_length(2, 10)


async def test_a_publisher_that_is_killed_and_started_again_makes_one_unbroken_answer() -> None:
    async with (
        fleet(*2 * [shared().uri], claim_grace="20s") as (a, b),
        client_of(a.address, b.address) as client,
    ):
        async with publisher(internal(a, b), "r", TOKENS, RATE) as first:
            job_id = await first.said("job")
            readers = [Follower(client, job_id, f"reader {number}") for number in range(3)]
            await readers[0].until(told(10))
            await first.kill()
        for kill in range(KILLS):
            async with publisher(internal(b, a), "r", TOKENS, RATE) as again:
                assert await again.said("job") == job_id
                if kill < KILLS - 1:
                    seen = text_of(readers[0].record.events).count(" ")
                    await readers[0].until(told(seen + 10))
                    await again.kill()
                else:
                    assert await again.said("ended") == str(job_pb2.JOB_STATUS_COMPLETED)
        state = await obey(client, job_id, readers)
        assert answer(state) == counted(TOKENS)
        assert kinds(await whole(client, job_id)).count("job_resumed") == KILLS


async def test_a_worker_that_is_killed_is_followed_by_another_and_the_answer_is_unbroken() -> None:
    async with (
        fleet(*2 * [shared().uri], environment=WORKERS, claim_grace="20s", max_attempts="100") as (a, b),
        client_of(b.address) as client,
        worker(internal(a, b)) as last,
    ):
        async with worker(internal(a)) as dying:
            jobs = [await client.start_request(for_workers(TOKENS, RATE)) for _ in range(4)]
            readers = [[Follower(client, job.id, "one"), Follower(client, job.id, "other")] for job in jobs]
            for reader, _ in readers:
                await reader.until(told(10))
            await dying.kill()
        for job, following in zip(jobs, readers, strict=True):
            assert answer(await obey(client, job.id, following)) == counted(TOKENS)
        taken = [line for line in last.lines if line.startswith("job ")]
        assert len(taken) == len(set(taken)) == 4
        assert not dying.errors.count("Traceback")


async def test_a_worker_that_is_told_to_stop_hands_its_jobs_over_at_once() -> None:
    async with (
        fleet(shared().uri, environment=WORKERS, lease_ttl="20s", claim_grace="20s") as (a,),
        client_of(a.address) as client,
    ):
        async with worker(internal(a)) as stopping:
            job = await client.start_request(for_workers(TOKENS, RATE))
            reader = Follower(client, job.id, "reader")
            await reader.until(told(10))
            stopping.stop()
            await stopping.ended()
        async with worker(internal(a)):
            assert answer(await obey(client, job.id, [reader])) == counted(TOKENS)
        events = await whole(client, job.id)
        assert [event.job_resumed.reason for event in events if event.HasField("job_resumed")] == ["HANDED_OVER"]


async def test_the_instance_that_is_published_through_is_killed_and_the_next_one_stopped() -> None:
    async with (
        fleet(*3 * [shared().uri], claim_grace="20s") as (a, b, c),
        client_of(c.address) as client,
        publisher(internal(a, b, c), "r", TOKENS, RATE) as publishing,
    ):
        job_id = await publishing.said("job")
        reader = Follower(client, job_id, "reader")
        await reader.until(told(20))
        await a.kill()
        await reader.until(told(50))
        await b.terminate()
        state = await obey(client, job_id, [reader])
        assert (answer(state), state.job.attempt) == (counted(TOKENS), 1)
        assert await publishing.ended() == 0


async def test_every_instance_is_restarted_while_a_job_is_published() -> None:
    async with (
        fleet(*2 * [shared().uri], claim_grace="20s") as (a, b),
        client_of(a.address, b.address) as client,
        publisher(internal(a, b), "r", TOKENS, RATE) as publishing,
    ):
        job_id = await publishing.said("job")
        reader = Follower(client, job_id, "reader")
        await reader.until(told(20))
        await asyncio.gather(a.kill(), b.kill())
        await asyncio.gather(a.start(), b.start())
        state = await obey(client, job_id, [reader])
        assert (answer(state), state.job.attempt) == (counted(TOKENS), 1)
        assert await publishing.ended() == 0


async def test_a_publisher_that_does_not_come_back_fails_its_job_and_what_was_said_is_kept() -> None:
    async with (
        fleet(*2 * [shared().uri], claim_grace="1s") as (a, b),
        client_of(b.address) as client,
    ):
        async with publisher(internal(a), "r", TOKENS, RATE) as dying:
            job_id = await dying.said("job")
            reader = Follower(client, job_id, "reader")
            await reader.until(told(10))
            await dying.kill()
        state = await obey(client, job_id, [reader])
        assert (state.job.status, state.job.error.reason) == (job_pb2.JOB_STATUS_FAILED, "PRODUCER_LOST")
        assert answer(state) == counted(answer(state).count(" "))
