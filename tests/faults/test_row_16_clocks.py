"""Row 16: the clocks of instances differ by a minute: leases and expiry are those of Redis, and unaffected."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.counting import counted, counting, said, shown
from tests.support.events import answer
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

APART = 60
"""Seconds."""
RATE = 50
LEASE, REAPER, RETENTION = by_length((1.5, 0.3, 3.0), (10.0, 2.0, 12.0))
BUSY = 1.0
"""Seconds that a busy machine may add to what is promised."""


def shifted(seconds: int) -> Mapping[str, str]:
    """Return an environment in which the time of day is another one. Durations are what they are."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")  # see tools/programs
    return {"LD_PRELOAD": str(library), "FAKETIME": f"{seconds:+d}s", "DONT_FAKE_MONOTONIC": "1"}


@pytest.mark.parametrize(("ahead", "dies"), by_length([(APART, 0)], [(APART, 0), (-APART, 1)]))
async def test_an_instance_whose_clock_is_a_minute_off_robs_nobody_and_takes_over_soon(ahead: int, dies: int) -> None:
    loop = asyncio.get_running_loop()
    async with (
        fleet(
            *2 * [shared().uri],
            own=[{}, shifted(ahead)],
            lease_ttl=f"{LEASE}s",
            reaper_interval=f"{REAPER}s",
        ) as instances,
        client_of(instances[0].address) as right,
        client_of(instances[1].address) as wrong,
    ):
        clients, prefix = (right, wrong), instances[0].prefix
        expiring = [await client.start_request(kept_for(RETENTION)) for client in clients]
        for job in expiring:
            await obey(right, job.id, [Follower(client, job.id, "reader") for client in clients])
        ended = loop.time()
        tokens = int(2 * LEASE * RATE)
        jobs = [await client.start_request(counting(tokens, RATE)) for client in clients]
        created = [job.create_time.ToMilliseconds() / 1000 for job in jobs]
        assert APART - 5 < abs(created[1] - created[0]) < APART + 5
        readers = [[Follower(client, job.id, "reader") for client in clients] for job in jobs]
        await eventually(lambda: not any(job.id in key for key in keys(prefix) for job in expiring), RETENTION + BUSY)
        assert loop.time() - ended > RETENTION - BUSY
        for job, following in zip(jobs, readers, strict=True):
            state = await obey(right, job.id, following)
            assert (answer(state), state.job.attempt) == (counted(tokens), 1)

        job = await clients[dies].start_request(counting(150, 60))
        reader = Follower(clients[1 - dies], job.id, "reader")
        await reader.until(said(20))
        await instances[dies].kill()
        killed = loop.time()
        await reader.until(shown("job_resumed"))
        assert loop.time() - killed < LEASE + REAPER + BUSY
        assert answer(await obey(clients[1 - dies], job.id, [reader])) == counted(150)


def kept_for(seconds: float) -> pb.StartGenerationRequest:
    """Return a request of a job that ends at once, and is kept for so long."""
    request = counting(10, 0)
    request.retention.FromMilliseconds(int(1000 * seconds))
    return request


def keys(prefix: str) -> list[str]:
    """Return what Redis has of jobs."""
    return [str(key) for key in shared().command("KEYS", f"{prefix}:*:job")]
