"""Row 14: a cancel from another instance, at any moment of a job's life: one final event, and what was said is kept."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from streamsvc.v1 import job_pb2
from tests.support.chats import chunk
from tests.support.counting import counted, counting, said, shown
from tests.support.events import answer, kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of
from tests.support.talking import environment_of, question
from tests.support.upstream import Upstream, hang, sse
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 14
CANCELLED, COMPLETED = job_pb2.JOB_STATUS_CANCELLED, job_pb2.JOB_STATUS_COMPLETED
RACES = by_length(40, 300)
LENGTH = 0.2
"""Seconds that a job takes whose end and cancel race."""


async def test_a_cancel_on_another_instance_closes_the_upstream_before_and_after_its_first_event() -> None:
    async with (
        Upstream() as upstream,
        fleet(*2 * [shared().uri], environment=environment_of(upstream)) as (a, b),
        client_of(a.address) as writer,
        client_of(b.address) as client,
    ):
        silent = upstream.expect(hang())
        job = await writer.start_request(question())
        await silent.arrived()
        await client.cancel(job.id, "too slow")
        await silent.hung_up()
        state = await obey(client, job.id, [Follower(client, job.id, "late")])
        assert (state.job.status, answer(state)) == (CANCELLED, "")

        talking = upstream.expect(sse(chunk(content="half an ")), hang())
        job = await writer.start_request(question())
        reader = Follower(client, job.id, "reader")
        await reader.until(shown("text_delta"))
        await client.cancel(job.id, "enough")
        await talking.hung_up()
        state = await obey(client, job.id, [reader])
        assert (state.job.status, answer(state)) == (CANCELLED, "half an ")
        assert reader.record.events[-1].job_cancelled.reason == "enough"

        upstream.expect(hang())
        job = await writer.start_request(question())
        await client.cancel(job.id, "at once")
        state = await obey(client, job.id, [Follower(client, job.id, "late")])
        assert state.job.status == CANCELLED
        await eventually(lambda: all(exchange.was_hung_up for exchange in upstream.exchanges))


async def test_a_cancel_and_the_end_at_the_same_moment_make_one_final_event() -> None:
    random = Random(SEED)
    async with (
        fleet(*2 * [shared().uri]) as (a, b),
        client_of(a.address) as writer,
        client_of(b.address) as client,
    ):

        async def race() -> job_pb2.JobStatus.ValueType:
            job = await writer.start_request(counting(20, 20 / LENGTH))
            reader = Follower(random.choice((client, writer)), job.id, "reader")
            await asyncio.sleep(LENGTH * (0.7 + 0.4 * random.random()))  # the moment is the fault
            await random.choice((client, writer)).cancel(job.id, "enough")
            state = await obey(client, job.id, [reader], cause=f"seed {SEED}")
            assert answer(state) == counted(answer(state).count(" "))
            return state.job.status

        ends = [end for _ in range(RACES // 10) for end in await asyncio.gather(*[race() for _ in range(10)])]
        assert {*ends} == {CANCELLED, COMPLETED}


async def test_a_cancel_of_a_job_whose_writer_is_dead_ends_it_when_it_is_taken_over() -> None:
    loop = asyncio.get_running_loop()
    async with (
        fleet(*3 * [shared().uri]) as (dying, b, c),
        client_of(dying.address) as writer,
        client_of(b.address) as client,
        client_of(c.address) as reading,
    ):
        job = await writer.start_request(counting(1000, 50))
        reader = Follower(reading, job.id, "reader")
        await reader.until(said(20))
        await dying.kill()
        killed = loop.time()
        await client.cancel(job.id, "nobody wants it")
        state = await obey(client, job.id, [reader])
        assert loop.time() - killed < 1.5 + 0.3 + 1
        assert state.job.status == CANCELLED
        assert "job_resumed" not in kinds(reader.record.events)
        assert answer(state) == counted(kinds(reader.record.events).count("text_delta"))
