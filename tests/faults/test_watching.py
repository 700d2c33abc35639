"""Start on one instance, cancel on another, list on a third, and watch all of it, also when the bus loses words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio

from streamsvc.client import Client
from streamsvc.v1 import job_pb2
from tests.support.events import scripted
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import PATIENCE, by_length
from tests.support.proxy import Proxy
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CANCELLED, COMPLETED = job_pb2.JOB_STATUS_CANCELLED, job_pb2.JOB_STATUS_COMPLETED
JOBS = by_length(10, 50)
ROUNDS = by_length(4, 25)


class Watching:
    """Keeps what one WatchJobs call tells, the newest word of each job, and when a job was first heard of."""

    def __init__(self, client: Client) -> None:
        self.jobs: dict[str, job_pb2.Job] = {}
        self.heard_at: dict[str, float] = {}
        self._watch = client.watch()
        self._caught_up = asyncio.Event()
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._watch as updates:
            async for update in updates:
                for job in update.jobs:
                    self.jobs[job.id] = job
                    self.heard_at.setdefault(job.id, asyncio.get_running_loop().time())
                if update.caught_up:
                    self._caught_up.set()
                self._more.set()

    async def caught_up(self) -> None:
        """Wait until all that stood at the beginning was told."""
        await self._caught_up.wait()

    async def until(self, job_id: str, status: job_pb2.JobStatus.ValueType | None = None) -> None:
        """Wait until the job was told of, with this status."""
        async with asyncio.timeout(10 * PATIENCE):
            while job_id not in self.jobs or status not in (None, self.jobs[job_id].status):
                self._more.clear()
                await self._more.wait()

    async def leave(self) -> None:
        """Stop watching."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def watching(client: Client) -> AsyncIterator[Watching]:
    """Watch for the block, from where all that stood was told."""
    watch = Watching(client)
    try:
        await watch.caught_up()
        yield watch
    finally:
        await watch.leave()


@asynccontextmanager
async def three(*stores: str) -> AsyncIterator[list[Client]]:
    """Run three instances, and open a client of each."""
    async with fleet(*stores) as instances, AsyncExitStack() as opened:
        yield [await opened.enter_async_context(client_of(instance.address)) for instance in instances]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clients() -> AsyncIterator[list[Client]]:
    """Three instances, for tests that leave them as they are."""
    async with three(*3 * [shared().uri]) as opened:
        yield opened


async def test_a_job_started_on_one_is_cancelled_on_another_and_listed_on_a_third(clients: list[Client]) -> None:
    a, b, c = clients
    async with watching(b) as watch:
        job = await a.start_request(scripted(tokens=1000, rate=50))
        reader = Follower(c, job.id, "on the third")
        await reader.until(lambda record: len(record.items) > 5)
        await watch.until(job.id, job_pb2.JOB_STATUS_RUNNING)
        assert (await listed(c))[job.id] == job_pb2.JOB_STATUS_RUNNING
        await b.cancel(job.id, "enough")
        state = await obey(c, job.id, [reader])
        assert state.job.status == CANCELLED
        assert reader.record.events[-1].job_cancelled.reason == "enough"
        assert 5 < len(reader.record.items) < 500
        await watch.until(job.id, CANCELLED)
        assert (await listed(c))[job.id] == CANCELLED


async def listed(client: Client) -> dict[str, job_pb2.JobStatus.ValueType]:
    """Return the status of each job that is listed."""
    return {job.id: job.status async for job in client.jobs()}


async def test_a_watch_on_one_instance_hears_of_a_job_of_another(
    clients: list[Client], capsys: pytest.CaptureFixture[str]
) -> None:
    loop = asyncio.get_running_loop()
    a, b, _ = clients
    async with watching(b) as watch:
        delays = []
        for _ in range(JOBS):
            began = loop.time()
            job = await a.start_request(scripted(tokens=1, rate=0))
            await watch.until(job.id, COMPLETED)
            delays.append(1000 * (watch.heard_at[job.id] - began))
        delays.sort()
        with capsys.disabled():
            told = f"{delays[len(delays) // 2]:.1f} ms, at most {delays[-1]:.1f} ms"
            print(f"\nheard of a start on another instance after {told}")  # noqa: T201 # what this run measured


async def test_a_watch_whose_instance_loses_words_of_the_bus_hears_of_every_change() -> None:
    redis = shared()
    async with (
        Proxy(redis.address) as proxy,
        three(redis.uri, f"redis://{proxy.address}", redis.uri) as (a, b, c),
        watching(b) as watch,
    ):
        for _ in range(ROUNDS):
            proxy.cut_all()
            job = await a.start_request(scripted(tokens=1, rate=0))
            running = await c.start_request(scripted(tokens=1000, rate=10))
            await watch.until(running.id)
            redis.command("CLIENT", "KILL", "TYPE", "pubsub")
            await a.cancel(running.id)
            await watch.until(running.id, CANCELLED)
            await watch.until(job.id, COMPLETED)
        assert proxy.accepted > ROUNDS
