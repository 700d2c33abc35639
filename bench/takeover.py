"""Changes of hands: how long a job is silent for readers when its writer is killed, and when it stops in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from bench import report
from bench.report import Table
from streamsvc.client import Client
from tests.support import redis_servers
from tests.support.counting import counting, said, shown
from tests.support.fleet import Instance, fleet
from tests.support.following import Follower
from tests.support.service import client_of

HAND_OVER_AIM = 0.5
OVER_LEASE_AIM = 2.0
HEAD = ("signal", "jobs", "lease", "reaper interval", "median s", "most s", "aim s", "")
RATE = 20
BEFORE = 5
"""Deltas that each reader was shown before the change."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long a lease is, and how often abandoned jobs are looked for, in seconds."""

    lease: float
    reaper: float


DEFAULT, SHORT = Times(10.0, 2.0), Times(2.0, 0.5)

End = Callable[[Instance], Awaitable[None]]


def bench(quick: bool) -> list[Table]:
    """Measure both, with the lease that is the default and with a shorter one."""
    changes, jobs = (2, 5) if quick else (5, 10)
    table = Table("From the signal to the next event at a reader of another instance", HEAD)
    with redis_servers.standalone() as redis:
        for times in (SHORT,) if quick else (SHORT, DEFAULT):
            found = asyncio.run(_silences(redis.uri, times, changes, jobs, _kill))
            table.rows.append(_row("SIGKILL", times, found, times.lease + OVER_LEASE_AIM))
        found = asyncio.run(_silences(redis.uri, DEFAULT, changes, jobs, _terminate))
        table.rows.append(_row("SIGTERM", DEFAULT, found, HAND_OVER_AIM))
    table.notes += [
        f"{changes} times an instance with {jobs} jobs is ended, each read at another instance: {RATE} deltas/s a job",
        "the next event is JobResumed; the jobs' leases were renewed at different moments; the aims are for the most",
        "SIGTERM: with `drain_jobs_grace` 0, so that all jobs are given away at once",
    ]
    return [table]


def _row(name: str, times: Times, found: list[float], aim: float) -> list[str]:
    most = max(found)
    figures = [f"{report.median(found):.3f}", f"{most:.3f}", f"{aim:g}", report.verdict(most <= aim)]
    return [name, str(len(found)), f"{times.lease:g} s", f"{times.reaper:g} s", *figures]


async def _silences(redis: str, times: Times, changes: int, jobs: int, end: End) -> list[float]:
    """Return how long each job had no event after its writer was ended."""
    lease, reaper = f"{times.lease}s", f"{times.reaper}s"
    async with (
        fleet(*2 * [redis], lease_ttl=lease, reaper_interval=reaper, drain_jobs_grace="0") as (writing, other),
        client_of(other.address) as client,
    ):
        # An instance takes over only when it has been in touch with the store for a lease.
        await asyncio.sleep(times.lease)
        found: list[float] = []
        for number in range(changes):
            if number:
                await writing.start()
            async with client_of(writing.address) as starting:
                found += await _change(starting, client, times.lease / 3 / jobs, jobs, partial(end, writing))
            await writing.service.ended()
        return found


async def _change(
    starting: Client, client: Client, apart: float, jobs: int, end: Callable[[], Awaitable[None]]
) -> list[float]:
    """Have so many jobs change hands that were started `apart` seconds from each other."""
    loop = asyncio.get_running_loop()
    readers: list[Follower] = []
    for _ in range(jobs):
        job = await starting.start_request(counting(1_000_000, RATE))
        readers.append(Follower(client, job.id, "reader"))
        await asyncio.sleep(apart)
    for reader in readers:
        await reader.until(said(BEFORE))
    began = loop.time()

    async def silence(reader: Follower) -> float:
        await reader.until(shown("job_resumed"))
        return loop.time() - began

    waiting = [asyncio.create_task(silence(reader)) for reader in readers]
    await end()
    found = await asyncio.gather(*waiting)
    for reader in readers:
        await client.cancel(reader.stream.job_id)
        await reader.done()
    return found


async def _kill(instance: Instance) -> None:
    await instance.kill()


async def _terminate(instance: Instance) -> None:
    instance.service.signal(signal.SIGTERM)


if __name__ == "__main__":
    report.main(bench, __doc__)
