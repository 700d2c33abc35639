"""Row 9: Redis is killed and started again over its append-only file: running jobs go on, and readers are exact."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.counting import counted, counting, said
from tests.support.events import answer, kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.redis_servers import standalone
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

RESTARTS = by_length(2, 6)
BETWEEN = 60
"""Deltas."""
RATES = (50, 100, 400)


@pytest.mark.parametrize("fsync", by_length(["always"], ["always", "everysec"]))
async def test_jobs_go_on_over_restarts_of_a_redis_with_an_append_only_file(fsync: str) -> None:
    tokens = BETWEEN * (RESTARTS + 1)
    with standalone("appendonly yes", f"appendfsync {fsync}") as redis:
        async with (
            fleet(*2 * [redis.uri], flush_interval="0") as (a, b),
            client_of(a.address) as writer,
            client_of(b.address) as client,
        ):
            ended = await writer.start_request(counting(10, 0))
            await Follower(client, ended.id, "before").done()
            jobs = [await writer.start_request(counting(tokens * rate // RATES[0], rate)) for rate in RATES]
            readers = [[Follower(reading, job.id, "reader") for reading in (client, writer)] for job in jobs]
            for number in range(RESTARTS):
                await readers[0][0].until(said(BETWEEN * (number + 1)))
                await asyncio.to_thread(redis.kill)
                await asyncio.to_thread(redis.start)
            for job, following, rate in zip(jobs, readers, RATES, strict=True):
                state = await obey(client, job.id, following, snapshots=fsync != "always")
                assert answer(state) == counted(tokens * rate // RATES[0])
                assert "job_resumed" not in kinds(following[0].record.events)
                assert {reader.record.reconnects for reader in following} == {0}
            assert answer(await obey(client, ended.id, [Follower(client, ended.id, "after")])) == counted(10)


async def test_a_writer_that_dies_with_a_redis_that_keeps_all_loses_nothing() -> None:
    with standalone("appendonly yes", "appendfsync always") as redis:
        async with (
            fleet(*2 * [redis.uri]) as (a, b),
            client_of(a.address) as writer,
            client_of(b.address) as client,
        ):
            job = await writer.start_request(counting(2 * BETWEEN, 100))
            reader = Follower(client, job.id, "reader")
            await reader.until(said(BETWEEN))
            await asyncio.gather(a.kill(), asyncio.to_thread(redis.kill))
            await asyncio.to_thread(redis.start)
            state = await obey(client, job.id, [reader])
            assert answer(state) == counted(2 * BETWEEN)
            assert kinds(reader.record.events).count("job_resumed") == 1
