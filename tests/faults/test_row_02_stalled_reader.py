"""Row 2: readers stall beside many fast ones, on an instance that does not write: nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any

import grpc
import pytest

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import Refusal, refusal_of, stub_of
from tests.support.checker import check
from tests.support.crowd import SNAPSHOT, Crowd
from tests.support.fleet import fleet
from tests.support.following import Follower, folded_items, whole
from tests.support.length import PATIENCE, by_length
from tests.support.reading import Collected
from tests.support.redis_servers import shared
from tests.support.service import GIVING_BACK, client_of
from tests.support.talking import environment_of, question, saying, stopping
from tests.support.upstream import Upstream
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 2
FAST, STALLED = by_length((6, 3), (100, 20))
COUNT, SIZE = by_length((16_000, 400), (20_000, 600))
"""Deltas, and characters of each: 6 MB, and 12 MB."""
MOST = COUNT * SIZE
"""By how many bytes the instance may grow: by less than one of these readers is behind."""
UNHURRIED = timedelta(seconds=10)
"""All fast readers share one processor: none shall think that its connection is dead when it has to wait for it."""
SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536))


class Stalled:
    """A reader that takes the first response and then nothing, until `ended`."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.collected = Collected()

    async def begin(self) -> None:
        """Take the first response."""
        self.collected.add((await self.call.read()).SerializeToString())

    async def ended(self) -> Refusal:
        """Take what there is, and return what ended the call."""
        try:
            async with asyncio.timeout(10 * PATIENCE):
                while (response := await self.call.read()) is not grpc.aio.EOF:
                    self.collected.add(response.SerializeToString())
        except grpc.aio.AioRpcError as failed:
            return refusal_of(failed)
        raise AssertionError("the stalled reader was not ended")


@asynccontextmanager
async def crowd_of(job_id: str, address: str) -> AsyncIterator[Crowd]:
    """Have the fast readers read all of a job."""
    async with Crowd(job_id, [address], Random(SEED), heartbeat_interval=UNHURRIED) as crowd:
        for _ in range(FAST):
            await crowd.add()
        for reader in crowd.readers:
            await reader.done()
        assert crowd.reconnects == 0
        yield crowd


async def test_readers_that_stall_slow_nobody_and_cost_no_memory_and_can_resume() -> None:
    async with (
        Upstream() as upstream,
        fleet(
            *2 * [shared().uri],
            environment={**environment_of(upstream), **GIVING_BACK},
            flush_interval="0",
            reader_stall_timeout=by_length("5s", "45s"),
        ) as (writer, reading),
        client_of(writer.address) as direct,
        client_of(reading.address) as client,
        stub_of(reading.address, *SMALL_WINDOW) as stub,
    ):
        upstream.expect(saying(COUNT // 4, SIZE), *stopping())
        warm = await direct.start_request(question())
        async with crowd_of(warm.id, reading.address):
            before = reading.service.resident_bytes
        upstream.expect(saying(COUNT, SIZE), *stopping())
        job = await direct.start_request(question())
        stalled = [Stalled(stub.StreamJob(pb.StreamJobRequest(job_id=job.id))) for _ in range(STALLED)]
        for reader in stalled:
            await reader.begin()
        async with crowd_of(job.id, reading.address) as crowd:
            assert reading.service.resident_bytes - before < MOST
            assert not any(reader.call.done() for reader in stalled)
            assert "READER_STALLED" not in reading.log
            records = [reader.record for reader in crowd.readers]
        await eventually(lambda: reading.log.count("READER_STALLED") == STALLED, 10 + 8 * PATIENCE)
        for reader in stalled:
            refusal = await reader.ended()
            assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "READER_STALLED")
            collected = reader.collected
            assert 0 < collected.cursor.offset < COUNT
            resumed = Follower(client, job.id, "resumed", cursor=collected.cursor, before=[*collected.events])
            records.append(await resumed.done())
        snapshot = await Follower(client, job.id, "snapshot", catch_up=SNAPSHOT).done()
        check(records, await whole(direct, job.id), folded_items(snapshot.items))
