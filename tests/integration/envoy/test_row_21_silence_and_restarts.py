"""Row 21: Envoy restarts, idle connections are cut, instances behind it die; heartbeats keep silent streams open."""

from __future__ import annotations

import pytest

from streamsvc.v1 import job_pb2
from tests.integration.envoy.conftest import HEARTBEAT, IDLE_SECONDS, Edge
from tests.support.crowd import AT_ONCE, has
from tests.support.events import answer, scripted
from tests.support.following import Follower, obey
from tests.support.service import client_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

READERS = 5
BETWEEN = 40
"""Events between two faults, at least."""


async def test_heartbeats_keep_silent_streams_open_and_those_without_are_cut_and_exact(edge: Edge) -> None:
    async with (
        client_of(edge.envoy.address, heartbeat_interval=HEARTBEAT) as client,
        client_of(edge.envoy.address, heartbeat_interval=5 * HEARTBEAT) as quiet,
    ):
        job = await client.start_request(scripted(hang_after=3))
        beating = Follower(client, job.id, "with heartbeats")
        silent = [Follower(quiet, job.id, f"silent {number}") for number in range(READERS)]
        await eventually(lambda: all(reader.stream.reconnects for reader in silent), limit=5 * IDLE_SECONDS)
        await client.cancel(job.id)
        await obey(client, job.id, [beating, *silent])
        assert beating.record.reconnects == 0


async def test_readers_are_exact_when_envoy_restarts(edge: Edge) -> None:
    async with client_of(edge.envoy.address, backoff=AT_ONCE) as client, client_of(edge.instances[0].address) as direct:
        job = await direct.start_request(scripted(tokens=100_000, rate=100, pattern="count"))
        pacer = Follower(direct, job.id, "pacer")
        readers = [Follower(client, job.id, f"reader {number}") for number in range(READERS)]
        for number in range(1, 4):
            for reader in readers:
                await reader.until(has(number * BETWEEN))
            await edge.envoy.kill()
            await pacer.until(has(len(pacer.record.items) + BETWEEN))
            await edge.envoy.start()
        await eventually(lambda: all(reader.stream.reconnects >= 3 for reader in readers))
        await direct.cancel(job.id)
        state = await obey(direct, job.id, [pacer, *readers])
        words = answer(state).split()
        assert words == [str(number) for number in range(len(words))]


async def test_calls_go_on_at_the_other_instance_when_one_is_killed(edge: Edge) -> None:
    dying, other = edge.instances
    async with client_of(edge.envoy.address, backoff=AT_ONCE) as client, client_of(other.address) as direct:
        job = await direct.start_request(scripted(tokens=100_000, rate=100, pattern="count"))
        readers = [Follower(client, job.id, f"reader {number}") for number in range(2 * READERS)]
        for reader in readers:
            await reader.until(has(BETWEEN))
        await dying.kill()
        for reader in readers:
            await reader.until(has(len(reader.record.items) + BETWEEN))
        assert (await client.state(job.id)).job.status == job_pb2.JOB_STATUS_RUNNING
        assert (await client.start_request(scripted(tokens=1, rate=0))).id
        await dying.start()
        await client.cancel(job.id)
        await obey(direct, job.id, readers)
        assert sum(reader.record.reconnects for reader in readers) > 0
