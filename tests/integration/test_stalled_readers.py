"""A reader that takes nothing: it is ended and can resume, and nobody else notices."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import grpc
import pytest

from streamsvc.client import Cursor
from streamsvc.server.app import ServerOptions
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import refusal_of, stub_of
from tests.support.events import scripted
from tests.support.following import Follower, obey
from tests.support.reading import Collected
from tests.support.service import app, client_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

STALLING = ServerOptions("127.0.0.1:0", reader_stall_timeout=timedelta(milliseconds=300))
SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536))
NO_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 0))
MANY = {"tokens": 100_000, "rate": 0, "pattern": "count"}


async def read_on(call: Any, collected: Collected) -> grpc.aio.AioRpcError:
    """Read what there is, and return what ends it."""
    try:
        while (response := await asyncio.wait_for(call.read(), 10)) is not grpc.aio.EOF:
            collected.add(response.SerializeToString())
    except grpc.aio.AioRpcError as failed:
        return failed
    raise AssertionError("the stalled reader was not ended")


async def test_a_stalled_reader_is_ended_and_can_resume_with_its_cursor() -> None:
    async with app(server=STALLING, flush_interval=timedelta()) as (running, address), client_of(address) as client:
        job = await client.start_request(scripted(**MANY))
        fast = Follower(client, job.id, "fast")
        async with stub_of(address, *SMALL_WINDOW) as stub:
            call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
            collected = Collected()
            first = await call.read()
            assert isinstance(first, pb.StreamJobResponse)
            collected.add(first.SerializeToString())
            log = (await fast.done()).events
            await eventually(lambda: len(running.jobs._tails) <= 1)
            refusal = refusal_of(await read_on(call, collected))
        assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "READER_STALLED")
        assert refusal.metadata["seconds"] == "0.3"
        assert refusal.retry_seconds is not None
        assert 0 < collected.cursor.offset < len(log)
        resumed = Follower(client, job.id, "resumed", cursor=collected.cursor, before=[*collected.events])
        await obey(client, job.id, [fast, resumed])


async def test_fast_readers_are_not_slowed_by_one_that_stalls() -> None:
    async with app(flush_interval=timedelta()) as (_, address), client_of(address) as client:
        job = await client.start_request(scripted(tokens=20_000, rate=20_000, pattern="count"))
        async with stub_of(address, *SMALL_WINDOW) as stub:
            calls = [stub.StreamJob(pb.StreamJobRequest(job_id=job.id)) for _ in range(5)]
            for call in calls:
                await call.read()
            fast = [Follower(client, job.id, f"fast {number}") for number in range(3)]
            await obey(client, job.id, fast)
            for call in calls:
                assert not call.done()
                call.cancel()


async def test_a_stall_is_logged_when_its_time_is_out_and_not_when_the_reader_wakes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="streamsvc.access"):
        async with app(server=STALLING) as (running, address), stub_of(address, *SMALL_WINDOW) as stub:
            job = (await stub.StartGeneration(scripted(**MANY))).job
            call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
            await call.read()
            await eventually(lambda: "READER_STALLED" in caplog.text)
            assert not call.done()
            call.cancel()
            await eventually(lambda: len(running.jobs._tails) <= 1)
    assert caplog.text.count("READER_STALLED") == 1
    assert caplog.text.count("rpc=StreamJob") == 1


async def test_a_stalled_reader_does_not_hold_up_a_stop() -> None:
    loop = asyncio.get_running_loop()
    async with app(flush_interval=timedelta()) as (running, address), stub_of(address, *SMALL_WINDOW) as stub:
        job = (await stub.StartGeneration(scripted(**MANY))).job
        call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
        await call.read()
        began = loop.time()
        await running.stop()
        assert loop.time() - began < 6
        call.cancel()


async def test_a_reader_that_is_slow_but_takes_something_is_not_ended() -> None:
    loop = asyncio.get_running_loop()
    patient = ServerOptions("127.0.0.1:0", reader_stall_timeout=timedelta(seconds=1.5))
    async with app(server=patient, flush_interval=timedelta()) as (_, address), stub_of(address, *SMALL_WINDOW) as stub:
        job = (await stub.StartGeneration(scripted(tokens=60_000, rate=0, pattern="count"))).job
        began = loop.time()
        call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
        collected = Collected(Cursor())
        while (response := await call.read()) is not grpc.aio.EOF:
            assert isinstance(response, pb.StreamJobResponse)
            collected.add(response.SerializeToString())
            await asyncio.sleep(0.1)
        assert collected.finished
    assert loop.time() - began > 1.5


async def test_a_reader_that_does_not_even_take_the_first_answer_is_ended_like_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        async with app(server=STALLING) as (_, address), client_of(address) as client:
            job = await client.start_request(scripted(tokens=10, hang_after=10))
            async with stub_of(address, *NO_WINDOW) as stub:
                call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
                await eventually(lambda: "READER_STALLED" in caplog.text)
                refusal = refusal_of(await read_on(call, Collected()))
            await client.cancel(job.id)
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "READER_STALLED")
    assert [record.name for record in caplog.records if record.levelno >= logging.WARNING] == []
