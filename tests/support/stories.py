"""Jobs at random: started anywhere, followed from anywhere, cancelled, deleted; each knows whether it went well."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from random import Random

from streamsvc.client import Client
from streamsvc.errors import JobNotFound, StreamsvcError
from streamsvc.v1 import job_pb2, state_pb2
from tests.support.checker import violations
from tests.support.counting import CONTINUE, FAIL, RESTART, counted, counting
from tests.support.crowd import AT_ONCE, SNAPSHOT
from tests.support.events import answer
from tests.support.following import REPLAY, Follower, whole
from tests.support.service import client_of

PATIENT = {"call_timeout": timedelta(minutes=2), "give_up_after": timedelta(minutes=2), "backoff": AT_ONCE}
RATES = (20, 50, 100, 400, 0)
SECONDS = 6
"""How long a job may take that nothing disturbs."""
LOST = ("PRODUCER_LOST", "SERVER_STOPPED")
"""Why a job may fail whose policy is FAIL."""


class Stories:
    """Tells one story after the other, all drawn from `random`: `ends` counts how, `broken` says what went wrong.

    `addresses` are those of the instances, for the clients.
    """

    def __init__(self, addresses: Sequence[str], random: Random) -> None:
        self.ends: Counter[str] = Counter()
        self.broken: list[str] = []
        self.readers = self.events = self.reconnects = 0
        self._addresses = addresses
        self._random = random

    async def run(self, seconds: float, pace: float) -> None:
        """Begin a story every `pace` seconds on average, and wait for the end of all."""
        now = asyncio.get_running_loop().time
        end = now() + seconds
        async with asyncio.TaskGroup() as group:
            while now() < end:
                group.create_task(self._tell())
                await asyncio.sleep(self._random.expovariate(1 / pace))

    async def _tell(self) -> None:
        async with AsyncExitStack() as opened:

            async def client() -> Client:
                order = self._random.sample(self._addresses, len(self._addresses))
                return await opened.enter_async_context(client_of(*order, **PATIENT))

            story = _Story(await client(), self._random)
            try:
                await story.begin()
                for _ in range(self._random.randint(1, 4)):
                    story.join(await client())
                    await asyncio.sleep(self._random.random())
                await story.disturb(await client())
                found = await story.end()
            except Exception as error:
                found = [f"{type(error).__name__}: {error}"]
            finally:
                await story.leave()
            self.readers += len(story.readers)
            self.events += sum(len(reader.record.items) for reader in story.readers)
            self.reconnects += sum(reader.stream.reconnects for reader in story.readers)
            self.ends[story.ended] += 1
            self.broken += [f"job {story.job.id}: {line}" for line in found]


class _Story:
    def __init__(self, client: Client, random: Random) -> None:
        self.readers: list[Follower] = []
        self.job = job_pb2.Job()
        self.ended = "nothing"
        self._client = client
        self._random = random
        self._policy = random.choice((CONTINUE, CONTINUE, RESTART, FAIL))
        self._rate = random.choice(RATES)
        self._tokens = random.randint(1, SECONDS * (self._rate or 100))
        self._fate = random.choices(("", "cancelled", "deleted"), (85, 10, 5))[0]

    async def begin(self) -> None:
        request = counting(self._tokens, self._rate, self._policy, rich=self._random.random() < 0.3)
        self.job = await self._client.start_request(request)

    def join(self, client: Client) -> None:
        how = self._random.choice((REPLAY, REPLAY, SNAPSHOT))
        self.readers.append(Follower(client, self.job.id, f"reader {len(self.readers)}", catch_up=how))

    async def disturb(self, client: Client) -> None:
        if self._fate:
            await asyncio.sleep(self._random.random() * 3)
        if self._fate == "cancelled":
            await client.cancel(self.job.id, "drawn")
        elif self._fate == "deleted":
            await client.delete(self.job.id)

    async def end(self) -> list[str]:
        """Wait for the end, and return what is wrong with it."""
        outcomes = await asyncio.gather(*[reader.done() for reader in self.readers], return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if self._fate == "deleted":
            self.ended = "deleted"
            found = [f"a reader failed: {error!r}" for error in failed if not isinstance(error, JobNotFound)]
            return found + await self._came_back()
        if failed:
            self.ended = "broken"
            return [f"a reader failed: {error!r}" for error in failed]
        log, state = await whole(self._client, self.job.id), await self._client.state(self.job.id)
        self.ended = job_pb2.JobStatus.Name(state.job.status).removeprefix("JOB_STATUS_").lower()
        return [*violations([reader.record for reader in self.readers], log, state), *self._untrue(state)]

    async def leave(self) -> None:
        for reader in self.readers:
            await reader.leave()

    async def _came_back(self) -> list[str]:
        try:
            await self._client.state(self.job.id)
        except JobNotFound:
            return []
        except StreamsvcError as error:
            return [f"asked for after its deletion: {error!r}"]
        return ["it came back after its deletion"]

    def _untrue(self, state: state_pb2.JobState) -> list[str]:
        said, found = answer(state), []
        if said != counted(said.count(" ")):
            found.append(f"its text is not what it counts: {said[-80:]!r}")
        match self.ended:
            case "completed":
                if said != counted(self._tokens):
                    found.append(f"it is complete without all of its text: {said[-80:]!r}")
            case "cancelled":
                if self._fate != "cancelled":
                    found.append("nobody has cancelled it")
            case "failed":
                if self._policy != FAIL or state.job.error.reason not in LOST:
                    found.append(f"it failed: {state.job.error}")
            case _:
                found.append(f"its status is {self.ended}")
        return found
