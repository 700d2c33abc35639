"""Many readers, large jobs, and parts of the whole that fail: only what failed is affected, and memory is bounded."""

from __future__ import annotations

import asyncio
import logging
from random import Random

import pytest

from streamsvc.producers.base import Producer
from streamsvc.producers.scripted import Scripted
from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import all_of, refused, stub_of
from tests.support.events import answer, kinds, scripted
from tests.support.following import Follower, obey
from tests.support.producers import STOP, Buggy, Told
from tests.support.proxy import Proxy
from tests.support.service import Service, app, client_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

MIB = 1024 * 1024
SEED = 7


async def test_two_hundred_readers_that_come_and_go_are_exact() -> None:
    random = Random(SEED)
    async with await Service.start() as service, client_of(service.address) as client:
        job = await client.start_request(scripted(tokens=300, rate=100, rich=True))
        followers: list[Follower] = []
        for number in range(200):
            await asyncio.sleep(random.random() * 0.01)
            followers.append(Follower(client, job.id, f"reader {number}"))
            if number % 2:
                place = random.randrange(len(followers))
                before = await followers[place].leave()
                cursor = followers[place].stream.cursor
                followers[place] = Follower(client, job.id, before.name, cursor=cursor, before=before.items)
        await obey(client, job.id, followers, cause=f"seed {SEED}")
        assert "Traceback" not in service.text


async def test_a_job_of_a_hundred_thousand_events_is_caught_up_with_in_bounded_memory() -> None:
    async with (
        await Service.start({"flush_interval": "0"}) as service,
        client_of(service.address) as client,
        stub_of(service.address) as stub,
    ):
        warm = await client.start_request(scripted(tokens=100, rate=0))
        await obey(client, warm.id, [Follower(client, warm.id, "warm")])
        before = service.resident_bytes
        job = await client.start_request(scripted(tokens=100_000, rate=0, pattern="count"))
        stalled = [stub.StreamJob(pb.StreamJobRequest(job_id=job.id)) for _ in range(20)]
        for call in stalled:
            await call.read()
        live = [Follower(client, job.id, f"live {number}") for number in range(2)]
        for follower in live:
            await follower.done()
        late = Follower(client, job.id, "late")
        state = await obey(client, job.id, [*live, late])
        assert state.offset == 100_000 + 5
        assert answer(state) == "".join(f"{number} " for number in range(100_000))
        log_bytes = sum(event.ByteSize() + 4 for event in late.record.events)
        assert log_bytes > 1.5 * MIB
        assert service.resident_bytes - before < 2 * log_bytes + 24 * MIB
        for call in stalled:
            call.cancel()


async def test_a_producer_that_raises_affects_its_own_job_only() -> None:
    producers: dict[str, Producer] = {"scripted": Scripted(), "buggy": Buggy()}
    async with app(producers) as (_, address), client_of(address) as client:
        good = await client.start_request(scripted(tokens=50, rate=100))
        bad = await client.start("why?", producer="buggy")
        state = await obey(client, bad.id, [Follower(client, bad.id, "of the bad")])
        assert (state.job.status, state.job.error.reason) == (job_pb2.JOB_STATUS_FAILED, "INTERNAL")
        state = await obey(client, good.id, [Follower(client, good.id, "of the good")])
        assert state.job.status == job_pb2.JOB_STATUS_COMPLETED


async def test_readers_that_break_affect_themselves_only(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with app() as (running, address), client_of(address) as client:
            job = await client.start_request(scripted(tokens=200, rate=200))
            good = [Follower(client, job.id, f"good {number}") for number in range(3)]
            for number in range(20):
                async with Proxy(address) as proxy, stub_of(proxy.address) as stub:
                    call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
                    await call.read()
                    proxy.cut_all()
                    if number % 2:
                        call.cancel()
            state = await obey(client, job.id, good)
            assert kinds(good[0].record.events)[-1] == "job_completed"
            assert state.job.status == job_pb2.JOB_STATUS_COMPLETED
            await eventually(lambda: len(running.jobs._tails) == 0)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_connection_that_breaks_in_the_middle_of_a_message_is_no_failure_of_the_service(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = Told()
    told.say_text(*["x" * 500_000] * 20)
    told.say(STOP)
    with caplog.at_level(logging.INFO):
        async with app({"told": told}) as (_, address), client_of(address) as client:
            job = await client.start("why?")
            await Follower(client, job.id, "before").done()
            async with Proxy(address, random=Random(SEED), cuts=40, cut_after=(100_000, 3_000_000)) as proxy:
                for _ in range(40):
                    async with stub_of(proxy.address) as stub:
                        await refused(all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id))))
            assert proxy.cut == 40
    assert "ExecuteBatchError" not in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
