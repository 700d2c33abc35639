"""A Redis shared with other programs: their keys are never touched, and ours all begin with the prefix."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from redis.asyncio import Redis

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import all_of, refused, stub_of
from tests.support.events import scripted
from tests.support.redis_process import RedisServer
from tests.support.redis_servers import standalone
from tests.support.service import Service
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

JOB = b"{0123456789abcdef0123456789abcdef}"
LIKE_OURS = [
    *(b"ss", b"ss2", b"ssh:keys", b"ss-1:%b:job" % JOB, b"ssx:%b:job" % JOB, b"s:%b:job" % JOB, b"SS:%b:job" % JOB),
    *(b"xss:%b:job" % JOB, b"{ss}:job", b"{ss:}:%b:job" % JOB, b"ss;%b:job" % JOB, b"other:%b:job" % JOB),
    *(b"other:%b:log" % JOB, b"other:o:{0}:jobs", b"other:{due-0}:due"),
]
Contents = dict[bytes, tuple[bytes | None, int]]


async def fill(redis: Redis) -> None:
    """Write keys of every type, with and without an expiry, and many more than one SCAN returns."""
    for number, name in enumerate(LIKE_OURS):
        await redis.hset(name, mapping={"status": "2", "last": str(number), "fence": "1"})
    for number in range(1000):
        await redis.set(b"session:%d" % number, number, px=10**9 if number % 2 else None)
    await redis.zadd("other:leases", {"a": 1, "b": 2})
    await redis.xadd("other:stream", {"f": "x"})
    await redis.rpush("queue", "a", "b")
    await redis.sadd("set", "a", "b")


async def contents(redis: Redis) -> Contents:
    """Return all keys with their values and the times at which they expire."""
    return {name: (await redis.dump(name), await redis.pexpiretime(name)) async for name in redis.scan_iter(count=1000)}


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server of many."""
    with standalone() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def databases(server: RedisServer) -> AsyncIterator[tuple[Redis, Redis]]:
    """Two databases of it, both with keys of others; in the second some have names of ours."""
    async with server.client() as first, server.client(db=1) as second:
        await first.flushall()
        await fill(first)
        await fill(second)
        await second.hset(b"ss:%b:job" % JOB, "status", "2")
        yield first, second


async def test_keys_of_others_are_never_touched(server: RedisServer, databases: tuple[Redis, Redis]) -> None:
    first, second = databases
    before, before_second = await contents(first), await contents(second)
    async with (
        await Service.start({"store": server.uri, "retention": "1s"}) as service,
        stub_of(service.address) as stub,
    ):
        ended, deleted = [(await stub.StartGeneration(scripted(tokens=50, rate=0, rich=True))).job.id for _ in range(2)]
        running = scripted(tokens=1000, rate=10)
        running.conversation_id = "c"
        running.retention.CopyFrom(Duration(seconds=1))
        cancelled = (await stub.StartGeneration(running)).job.id
        await stub.CancelJob(pb.CancelJobRequest(job_id=cancelled))
        for job_id in (ended, deleted, cancelled):
            await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job_id)))
        assert len((await stub.ListJobs(pb.ListJobsRequest())).jobs) == 3
        await stub.DeleteJob(pb.DeleteJobRequest(job_id=deleted))
        refusal = await refused(all_of(stub.StreamJob(pb.StreamJobRequest(job_id=deleted))))
        assert refusal.reason == "JOB_NOT_FOUND"
        await eventually(lambda: not server.command("EXISTS", f"ss:{{{ended}}}:job", f"ss:{{{cancelled}}}:log"))
        assert await service.stop() == 0
    after = await contents(first)
    ours = {name for name in after if name.startswith(b"ss:")}
    assert ours, "a tombstone at least"
    assert {name: after[name] for name in after.keys() - ours} == before
    assert await contents(second) == before_second
