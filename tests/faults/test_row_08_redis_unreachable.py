"""Row 8: Redis cannot be reached for longer than every lease: nobody is robbed, all wait, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import Refusal, all_of, refused, stub_of
from tests.support.chats import chunk
from tests.support.checker import Record, check
from tests.support.counting import RESTART, counted, counting, said, shown
from tests.support.crowd import SNAPSHOT
from tests.support.events import answer, kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, folded_items, obey, whole
from tests.support.length import PATIENCE, by_length
from tests.support.proxy import Proxy
from tests.support.redis_process import RedisServer
from tests.support.redis_servers import shared, standalone
from tests.support.service import GIVING_BACK, client_of
from tests.support.talking import delta, environment_of, question, stopping
from tests.support.upstream import Answering, Step, Upstream, hang, sse, wait_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

OUTAGE = by_length({"cut off": 3.0, "frozen": 6.0}, {"cut off": 30.0, "frozen": 30.0})
"""Seconds. What is frozen is known to be out of reach after 5."""
LEASE = by_length("1500ms", "10s")
TOKENS = by_length(300, 1500)
DELTAS, SIZE = by_length(4000, 9000), 3000
MOST = 8 * 1024 * 1024
"""By how many bytes an instance may grow that is told more than 12 MB and cannot write them. What it has not read waits
in its upstream, and in the system's buffers between the two, which may be larger than all of it."""


@contextmanager
def outage(how: str, redis: RedisServer, proxy: Proxy) -> Iterator[None]:
    """Have Redis out of reach while the block lasts."""
    if how == "cut off":
        with proxy.outage():
            yield
    else:
        redis.freeze()
        try:
            yield
        finally:
            redis.thaw()


def talkative(begin: asyncio.Event) -> Step:
    """Say all the deltas as fast as they are taken, once `begin` is set."""

    async def step(answering: Answering) -> None:
        await sse(chunk(content="so "))(answering)
        await begin.wait()
        for number in range(DELTAS):
            await sse(chunk(content=delta(number, SIZE)))(answering)

    return step


async def started(address: str) -> Refusal:
    """Return how an instance refuses a start."""
    async with stub_of(address) as stub:
        return await refused(stub.StartGeneration(counting(1, 0), timeout=10 * PATIENCE))


@pytest.mark.parametrize("how", ["cut off", "frozen"])
async def test_jobs_and_readers_outlast_an_outage_that_is_longer_than_every_lease(how: str) -> None:
    begin = asyncio.Event()
    with standalone() as redis:
        async with (
            Upstream() as upstream,
            Proxy(redis.address) as proxy,
            fleet(
                *2 * [f"redis://{proxy.address}"],
                environment={**environment_of(upstream), **GIVING_BACK},
                lease_ttl=LEASE,
            ) as (a, b),
            client_of(a.address) as writer,
            client_of(b.address) as client,
        ):
            upstream.expect(talkative(begin), *stopping())
            large = await writer.start_request(question())
            jobs = [await writer.start_request(counting(TOKENS, rate)) for rate in (80, 300)]
            readers = [
                [Follower(client, job.id, "reader"), Follower(writer, job.id, "beside")] for job in [large, *jobs]
            ]
            for reader, _ in readers:
                await reader.until(said(1))
            before = a.service.resident_bytes
            with outage(how, redis, proxy):
                begin.set()
                refusing = asyncio.create_task(started(b.address))
                await asyncio.sleep(OUTAGE[how])  # the length of the fault
                refusal = await refusing
                assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
                assert refusal.retry_seconds is not None
                assert a.service.resident_bytes - before < MOST
            for job, following in zip(jobs, readers[1:], strict=True):
                state = await obey(client, job.id, following)
                assert (answer(state), state.job.attempt) == (counted(TOKENS), 1)
            records = [await reader.done() for reader in readers[0]]
            state = folded_items((await Follower(client, large.id, "snapshot", catch_up=SNAPSHOT).done()).items)
            check(records, await whole(client, large.id), state)
            assert answer(state) == "so " + "".join(delta(number, SIZE) for number in range(DELTAS))
            assert state.job.attempt == 1
            assert {reader.record.reconnects for following in readers for reader in following} == {0}


async def test_jobs_and_readers_end_after_the_outage_limit_and_go_on_when_redis_is_back() -> None:
    loop = asyncio.get_running_loop()
    limit = by_length(2.0, 20.0)
    request = question()
    request.recovery = RESTART
    async with (
        Upstream() as upstream,
        Proxy(shared().address) as proxy,
        fleet(
            *2 * [f"redis://{proxy.address}"],
            environment=environment_of(upstream),
            lease_ttl=LEASE,
            store_outage_limit=f"{limit}s",
        ) as (a, b),
        client_of(a.address, b.address) as client,
        stub_of(b.address) as stub,
    ):
        first = upstream.expect(sse(chunk(content="before ")), hang())
        upstream.expect(sse(chunk(content="anew")), *stopping())
        job = await client.start_request(request)
        reader = Follower(client, job.id, "reader")
        await reader.until(shown("text_delta"))
        call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
        await call.read()
        with proxy.outage():
            began = loop.time()
            refusal = await refused(all_of(call))
            assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
            assert limit - 1 < loop.time() - began < limit + 2
            await first.hung_up()
            assert loop.time() - began > limit - 1
        state = await obey(client, job.id, [reader])
        assert answer(state) == "anew"


async def test_a_writer_that_alone_is_cut_off_from_redis_is_told_when_it_is_back() -> None:
    back = asyncio.Event()
    request = question()
    request.recovery = RESTART
    async with (
        Upstream() as upstream,
        Proxy(shared().address) as proxy,
        fleet(f"redis://{proxy.address}", shared().uri, environment=environment_of(upstream)) as (a, b),
        client_of(a.address, b.address) as moved,
        client_of(b.address) as client,
    ):
        first = upstream.expect(sse(chunk(content="before ")), wait_for(back), sse(chunk(content="late")), hang())
        upstream.expect(sse(chunk(content="anew")), *stopping())
        job = await moved.start_request(request)
        readers = [Follower(reading, job.id, name) for reading, name in ((client, "elsewhere"), (moved, "cut off"))]
        for reader in readers:
            await reader.until(shown("text_delta"))
        with proxy.outage():
            back.set()
            elsewhere: Record = await readers[0].done()
            assert kinds(elsewhere.events)[-1] == "job_completed"
        await first.hung_up()
        assert answer(await obey(client, job.id, readers)) == "anew"
        assert await whole(moved, job.id) == elsewhere.events
