"""Three instances, one job, many readers, and every fault at once: the law holds in each seeded run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.principal import ANONYMOUS
from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.checker import comparable
from tests.support.events import FINAL, answer, kinds, scripted
from tests.support.hypothesis_profiles import PROFILE
from tests.support.reading import Collected
from tests.support.rig import Rig, rigs
from tests.support.virtual_time import freeze, in_virtual_time, now

RUNS = 1500 if PROFILE == "full" else 24
FAULTS_SECONDS = 60.0
BOUND = 300.0
SURE = 30.0
"""Seconds after which a loss is known everywhere: a reader told its end before may have seen what was lost."""
CALLS = ("append", "renew", "read", "restore", "acquire", "get", "abandoned", "checkpoint", "read_checkpoint")


class Wanderer:
    """A reader that does as the protocol says, at one instance after the other."""

    def __init__(self, opened: Sequence[Rig], job_id: str, random: Random) -> None:
        self.seen = Collected()
        self.ended_at = 0.0
        self._opened = opened
        self._job_id = job_id
        self._random = random
        self._snapshot = random.random() < 0.3
        self.asked = self._snapshot
        self.call = asyncio.create_task(self._follow())
        self.task = asyncio.create_task(self._run())

    def interrupt(self) -> None:
        """Break its connection."""
        self.call.cancel()

    async def _run(self) -> None:
        while not self.seen.finished:
            await asyncio.wait({self.call})
            if self.call.cancelled() or isinstance(self.call.exception(), StoreUnavailable):
                await asyncio.sleep(self._random.random())
                self.call = asyncio.create_task(self._follow())
            else:
                self.call.result()
                assert self.seen.finished, "a call ended before the final event"
        self.ended_at = now()

    async def _follow(self) -> None:
        self.seen.begin_call()
        rig = self._random.choice(self._opened)
        cursor = self.seen.cursor
        request = pb.StreamJobRequest(job_id=self._job_id, epoch=cursor.epoch, after_offset=cursor.offset)
        if self._snapshot and not cursor.offset:
            request.catch_up = pb.CATCH_UP_MODE_SNAPSHOT
        async for message in rig.jobs.stream(ANONYMOUS, request):
            self.seen.add(message)


class Chaos:
    """One run: what is drawn from the seed is all that happens."""

    def __init__(self, opened: Sequence[Rig], job: job_pb2.Job, random: Random, *, losses: bool) -> None:
        self._opened = opened
        self._job = job
        self._random = random
        self._losses = losses
        self.readers = [Wanderer(opened, job.id, random) for _ in range(3)]
        self.lost_at = float("-inf")

    async def rage(self) -> None:
        """Let faults happen for a while, then none."""
        acts = [self._toggle, self._fail, self._deafen, self._join, self._interrupt, self._freeze]
        end = now() + FAULTS_SECONDS
        while now() < end:
            await asyncio.sleep(self._random.random() * 2)
            self._random.choice(acts)()
            if self._losses and self._random.random() < 0.1:
                await self._lose()
        for rig in self._opened:
            rig.faults.heal()

    def _rig(self) -> Rig:
        return self._random.choice(self._opened)

    def _toggle(self) -> None:
        faults = self._rig().faults
        faults.reachable = not faults.reachable

    def _fail(self) -> None:
        faults, name = self._rig().faults, self._random.choice(CALLS)
        self._random.choice([faults.fail, faults.lose_answers])(name, self._random.randint(1, 3))

    def _deafen(self) -> None:
        faults = self._rig().faults
        faults.deaf = not faults.deaf

    def _join(self) -> None:
        if len(self.readers) < 15:
            self.readers.append(Wanderer(self._opened, self._job.id, self._random))

    def _interrupt(self) -> None:
        self._random.choice(self.readers).interrupt()

    def _freeze(self) -> None:
        if self._random.random() < 0.2:
            freeze(self._random.random() * 20)

    async def _lose(self) -> None:
        shared = self._opened[0].shared
        record = await shared.get(self._job.id)
        to_offset = self._random.randint(1, record.job.last_offset)
        shared.lose(self._job.id, to_offset, self._random.randint(1, record.fence))
        self.lost_at = now()


async def run(seed: int, *, losses: bool, **options: int) -> None:
    random = Random(seed)
    async with rigs(3, **options) as opened:
        for rig in opened:
            rig.run()
        job = await opened[0].start(scripted(tokens=200, rate=8, pattern="count", rich=random.random() < 0.5))
        chaos = Chaos(opened, job, random, losses=losses)
        await chaos.rage()
        async with asyncio.timeout(BOUND):
            await asyncio.gather(*[reader.task for reader in chaos.readers])
            # All readers may have been told the end before the store lost it.
            log = await opened[2].read(job.id)
        await asyncio.sleep(30)
        state = await opened[1].state(job.id)
        assert state.job.status in (job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED)
        if state.job.status == job_pb2.JOB_STATUS_COMPLETED:
            assert answer(state) == "".join(f"{number} " for number in range(200))
        if not log.snapshots:
            assert [kind for kind in kinds(log.events) if kind in FINAL] == kinds(log.events)[-1:]
        for reader in chaos.readers:
            if reader.ended_at > chaos.lost_at + SURE:
                assert comparable(reader.seen.state) == comparable(state)
            if not losses and not options:
                assert len(reader.seen.snapshots) <= reader.asked


@pytest.mark.parametrize("seed", range(RUNS))
def test_readers_are_exact_under_every_fault(seed: int) -> None:
    in_virtual_time(run)(seed, losses=False)


@pytest.mark.parametrize("seed", range(RUNS))
def test_readers_are_exact_or_rebased_when_the_store_loses_what_it_acknowledged(seed: int) -> None:
    in_virtual_time(run)(1000 + seed, losses=True)


@pytest.mark.parametrize("seed", range(RUNS // 2))
def test_readers_are_exact_or_rebased_when_the_log_is_trimmed_too(seed: int) -> None:
    in_virtual_time(run)(2000 + seed, losses=True, max_log_bytes=2000)
