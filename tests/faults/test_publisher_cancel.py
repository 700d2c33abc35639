"""Row 14 for processes outside: a cancel at another instance, at any moment, also of a writer that is dead or deaf."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import grpc
import pytest

from streamsvc.client import publish
from streamsvc.v1 import job_pb2
from streamsvc.v1 import producer_service_pb2 as pb
from tests.support.calls import refused
from tests.support.counting import counted, shown, told
from tests.support.events import answer, kinds, part_started, text
from tests.support.fleet import fleet
from tests.support.following import Follower, obey, whole
from tests.support.length import by_length
from tests.support.outside import producer_stub_of, publishing
from tests.support.outside_process import WORKERS, for_workers, internal, publisher, worker
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 14
CANCELLED, COMPLETED = job_pb2.JOB_STATUS_CANCELLED, job_pb2.JOB_STATUS_COMPLETED
RACES = by_length(30, 500)
LENGTH = 0.2
"""Seconds that a job takes whose end and cancel race."""


async def test_a_cancel_on_another_instance_closes_the_iterator_before_and_after_its_first_word() -> None:
    loop = asyncio.get_running_loop()
    async with fleet(*2 * [shared().uri], lease_ttl="20s") as (a, b), client_of(b.address) as client:
        for words in ("", "half an "):
            begun, closed = asyncio.Event(), asyncio.Event()

            async def hanging(
                words: str = words, begun: asyncio.Event = begun, closed: asyncio.Event = closed
            ) -> AsyncIterator[str]:
                try:
                    begun.set()
                    yield words
                    await asyncio.Event().wait()
                finally:
                    closed.set()

            writing = asyncio.create_task(publish(hanging(), internal(a), conversation_id=f"of {words}"))
            await begun.wait()
            (job,) = [job async for job in client.jobs(conversation_id=f"of {words}")]
            reader = Follower(client, job.id, "reader")
            await reader.until(shown("text_delta" if words else "job_started"))
            asked = loop.time()
            await client.cancel(job.id, "enough")
            await closed.wait()
            assert loop.time() - asked < 5  # the lease is renewed every seven
            assert (await writing).status == CANCELLED
            state = await obey(client, job.id, [reader])
            assert (answer(state), state.job.status) == (words, CANCELLED)
            assert reader.record.events[-1].job_cancelled.reason == "enough"


async def test_a_cancel_against_the_end_leaves_one_final_event() -> None:
    random = Random(SEED)
    async with fleet(*2 * [shared().uri]) as (a, b), client_of(b.address) as client:

        async def race(number: int) -> int:
            async def answering() -> AsyncIterator[str]:
                yield "said"
                await asyncio.sleep(LENGTH)

            conversation = f"race {number}"
            writing = asyncio.create_task(publish(answering(), internal(a), conversation_id=conversation))
            # Nobody tells of it but a watch, and those have tests of their own.
            while not (jobs := [job async for job in client.jobs(conversation_id=conversation)]):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.sleep(LENGTH * random.uniform(0.5, 1.2))
            await client.cancel(jobs[0].id, "race")
            await writing
            state = await obey(client, jobs[0].id, [Follower(client, jobs[0].id, conversation)])
            assert answer(state) == "said"
            return state.job.status

        ends = [
            end
            for first in range(0, RACES, 5)
            for end in await asyncio.gather(*[race(number) for number in range(first, first + 5)])
        ]
        assert {*ends} <= {CANCELLED, COMPLETED}


async def test_a_worker_hears_of_a_cancel_and_one_that_waits_for_a_worker_ends_at_once() -> None:
    async with (
        fleet(*2 * [shared().uri], environment=WORKERS, lease_ttl="20s", claim_grace="60s") as (a, b),
        client_of(b.address) as client,
    ):
        waiting = await client.start_request(for_workers(10, 0))
        await client.cancel(waiting.id, "nobody came")
        state = await obey(client, waiting.id, [Follower(client, waiting.id, "of nobody")])
        assert (state.job.status, state.offset) == (CANCELLED, 2)
        async with worker(internal(a)) as working:
            job = await client.start_request(for_workers(10_000, 50))
            reader = Follower(client, job.id, "reader")
            await reader.until(told(10))
            await client.cancel(job.id, "enough")
            assert await working.said("closed") == job.id
            state = await obey(client, job.id, [reader])
            assert state.job.status == CANCELLED
            assert answer(state) == counted(answer(state).count(" "))


async def test_a_cancel_of_a_dead_publisher_ends_its_job_when_the_lease_is_over() -> None:
    async with (
        fleet(*2 * [shared().uri], claim_grace="60s") as (a, b),
        client_of(b.address) as client,
    ):
        async with publisher(internal(a), "r", 10_000, 50) as dying:
            job_id = await dying.said("job")
            reader = Follower(client, job_id, "reader")
            await reader.until(told(10))
            await dying.kill()
        await client.cancel(job_id, "nobody wants it")
        state = await obey(client, job_id, [reader])
        assert state.job.status == CANCELLED
        assert "job_resumed" not in kinds(await whole(client, job_id))


async def test_a_writer_that_is_deaf_to_a_cancel_loses_the_job_and_none_of_its_late_words_is_seen() -> None:
    async with (
        fleet(*2 * [shared().uri], cancel_grace="2s", claim_grace="60s") as (a, b),
        producer_stub_of(a.internal_address) as deaf,
        client_of(b.address) as client,
    ):
        made = await deaf.CreateJob(pb.CreateJobRequest())
        job_id, after = made.job.id, 3
        await deaf.PublishEvents(publishing(job_id, made.lease, 2, [part_started()]))
        reader = Follower(client, job_id, "reader")
        await client.cancel(job_id, "enough")
        while not reader.task.done():
            request = publishing(job_id, made.lease, after, [text(f"{after} ")])
            try:
                after = (await deaf.PublishEvents(request)).last_offset
            except grpc.aio.AioRpcError:
                break
        state = await obey(client, job_id, [reader])
        assert state.job.status == CANCELLED
        late = await refused(deaf.PublishEvents(publishing(job_id, made.lease, after, [text("late")])))
        assert late.reason in ("LEASE_LOST", "LOG_CLOSED")
        assert state.offset == after + 1
