"""Row 6: three instances are replaced one after the other, while jobs are started, run and read: nothing fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

import pytest

from streamsvc.client import Client
from streamsvc.v1 import job_pb2
from tests.support.counting import CONTINUE, FAIL, RESTART, counted, counting
from tests.support.events import answer
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

READERS_GRACE, JOBS_GRACE = by_length(("300ms", "600ms"), ("2s", "8s"))
LONG = by_length(300, 3000)
"""Deltas of jobs that see all three instances go."""
SHORT = 10
COMPLETED, FAILED = job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED
EVERY = 0.1
"""Seconds between two starts of short jobs."""
RATE = 100


class Callers:
    """Start one job after the other, and follow each, until they are told to stop. `followed` are all of them."""

    LIMIT = 60.0
    """How long, in seconds, anybody may wait for a start."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.followed: list[Follower] = []
        self._clients = clients
        self._stopped = asyncio.Event()
        self._started = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda _: self._started.set())

    async def _run(self) -> None:
        while not self._stopped.is_set():
            client = self._clients[len(self.followed) % len(self._clients)]
            job = await client.start_request(counting(SHORT, RATE))
            self.followed.append(Follower(client, job.id, f"short {len(self.followed)}"))
            self._started.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._stopped.wait()

    async def more(self) -> None:
        """Wait until each client has started a job from now on. Raises what went wrong."""
        wanted = len(self.followed) + len(self._clients)
        async with asyncio.timeout(self.LIMIT):
            while len(self.followed) <= wanted:
                self._started.clear()
                await self._started.wait()
                if self._task.done():
                    await self._task

    async def stop(self) -> None:
        """Start no more. Raises what went wrong."""
        self._stopped.set()
        await self._task


async def test_a_rolling_deploy_under_starts_jobs_and_readers_fails_nothing_that_may_go_on() -> None:
    async with (
        fleet(*3 * [shared().uri], drain_readers_grace=READERS_GRACE, drain_jobs_grace=JOBS_GRACE) as instances,
        AsyncExitStack() as opened,
    ):
        addresses = [instance.address for instance in instances]
        clients = [
            await opened.enter_async_context(client_of(*addresses[turn:], *addresses[:turn])) for turn in range(3)
        ]
        jobs = {
            policy: [await client.start_request(counting(LONG, RATE, policy)) for client in clients]
            for policy in (CONTINUE, RESTART, FAIL)
        }
        readers = {
            job.id: [Follower(client, job.id, f"long {job.id}") for client in clients]
            for started in jobs.values()
            for job in started
        }
        callers = Callers(clients)
        for instance in instances:
            assert await instance.terminate() == 0
            await callers.more()
            await instance.start()
        await callers.stop()
        for policy, started in jobs.items():
            for job in started:
                state = await obey(clients[0], job.id, readers[job.id])
                # The first instance stops while its jobs run; how far the others' are by then is the machine's matter.
                if state.job.status == FAILED or (policy == FAIL and job is started[0]):
                    assert (policy, state.job.error.reason) == (FAIL, "SERVER_STOPPED")
                    assert answer(state) == counted(answer(state).count(" "))
                else:
                    assert (answer(state), state.job.status) == (counted(LONG), COMPLETED)
            assert policy == FAIL or (await clients[0].state(started[0].id)).job.attempt > 1
        for follower in callers.followed:
            state = await obey(clients[1], follower.stream.job_id, [follower])
            assert (answer(state), state.job.attempt) == (counted(SHORT), 1)
