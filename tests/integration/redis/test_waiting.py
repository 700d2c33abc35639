"""The index of jobs that wait for a producer outside: put back where it was lost, and nothing is left of what ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from streamsvc.store.base import Claim, Outside
from tests.support import redis_servers
from tests.support.redis_under_test import PREFIX, RedisUnderTest
from tests.support.times import Times
from tests.support.writing import DIGEST, JOB, REQUEST, Writer, a_job, acquired, batch


@pytest.fixture
async def sut() -> AsyncIterator[RedisUnderTest]:
    """A Redis store, with handles on its time."""
    server = redis_servers.shared()
    async with server.client() as client:
        sut = RedisUnderTest(server.servers, client, [client], Times())
        yield sut
        await sut.close()


async def begin(sut: RedisUnderTest, producer: str) -> Writer:
    """Create a job that waits, and claim it."""
    job = a_job(sut, JOB)
    job.producer = producer
    mark = Outside(sut.times.ttl, sut.times.ttl, sut.times.ttl)
    first = batch("first", 0, "begun")
    await sut.store.create(job, REQUEST, first, digest=DIGEST, ttl=timedelta(), outside=mark)
    return await acquired(sut.store, await sut.store.acquire(JOB, sut.times.ttl, claim=Claim()))


async def indexed(sut: RedisUnderTest) -> int:
    """Return how many jobs stand in indexes of producers."""
    return sum([await sut.client.zcard(key) for key in await sut.client.keys(f"{PREFIX}:*:waiting")])


async def test_a_job_leaves_the_index_with_its_final_event(sut: RedisUnderTest) -> None:
    writer = await begin(sut, "agent")
    assert await indexed(sut) == 1
    await writer.say("a")
    assert await indexed(sut) == 1
    await writer.end()
    assert await indexed(sut) == 0


async def test_a_job_that_nobody_may_claim_stands_in_no_index(sut: RedisUnderTest) -> None:
    await begin(sut, "")
    assert await indexed(sut) == 0


async def test_a_waiting_job_that_the_index_lost_is_found_again(sut: RedisUnderTest) -> None:
    writer = await begin(sut, "agent")
    await sut.store.release(writer.lease)
    for key in await sut.client.keys(f"{PREFIX}:*:waiting"):
        await sut.client.delete(key)
    assert await sut.store.waiting("agent") == []
    await sut.store.abandoned()
    assert await sut.store.waiting("agent") == [JOB]
