"""Three instances, one job, many readers, and every fault at once, all drawn from a seed: does the law hold?"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from streamsvc.errors import JobNotFound
from streamsvc.v1 import job_pb2
from tests.support.checker import comparable
from tests.support.events import FINAL, answer, kinds, scripted
from tests.support.rig import Rig, rigs
from tests.support.virtual_time import freeze, now
from tests.support.wanderer import Wanderer

FAULTS_SECONDS = 60.0
BOUND = 300.0
SURE = 34.0
"""Seconds after which a loss is known everywhere: a reader told its end before may have seen what was lost."""
CALLS = ("append", "renew", "read", "restore", "acquire", "get", "abandoned", "checkpoint", "read_checkpoint")
TOKENS = 200


class Chaos:
    """One run: what is drawn from the seed is all that happens."""

    def __init__(self, opened: list[Rig], job: job_pb2.Job, random: Random, *, losses: bool, deaths: bool) -> None:
        self._opened = opened
        self._job = job
        self._random = random
        self._losses = losses
        self._deaths = deaths
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
            if self._deaths and self._random.random() < 0.08:
                self._die()
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

    def _die(self) -> None:
        """Kill an instance; another one starts in its place."""
        dead = self._rig()
        place = self._opened.index(dead)
        self._opened[place] = dead.die()
        self._opened[place].run()
        for reader in self.readers:
            reader.interrupt(dead)

    async def _lose(self) -> None:
        shared = self._opened[0].shared
        self.lost_at = now()
        if self._deaths and self._random.random() < 0.3:
            await shared.lose(self._job.id, 0, 0)
            return
        try:
            record = await shared.get(self._job.id)
        except JobNotFound:
            return
        to_offset = self._random.randint(1, record.job.last_offset)
        await shared.lose(self._job.id, to_offset, self._random.randint(1, record.fence))


async def run(seed: int, *, losses: bool = False, deaths: bool = False, shared: Any = None, **options: int) -> None:
    """Run a job through a minute of faults, over `shared` or a memory store, and check what everybody saw.

    With `losses` the store goes back now and then. With `deaths` instances are killed, and a loss may be of everything.
    """
    random = Random(seed)
    async with rigs(3, shared, **options) as opened:
        for rig in opened:
            rig.run()
        job = await opened[0].start(scripted(tokens=TOKENS, rate=8, pattern="count", rich=random.random() < 0.5))
        chaos = Chaos(opened, job, random, losses=losses, deaths=deaths)
        await chaos.rage()
        async with asyncio.timeout(BOUND):
            await asyncio.gather(*[reader.task for reader in chaos.readers])
        await asyncio.sleep(SURE)
        try:
            await _check(chaos, opened, job.id, rebased=losses or bool(options))
        except JobNotFound:
            assert deaths, "the job is gone"
            assert all(reader.gone or reader.seen.finished for reader in chaos.readers)


async def _check(chaos: Chaos, opened: list[Rig], job_id: str, *, rebased: bool) -> None:
    # All readers may have been told the end before the store lost it.
    async with asyncio.timeout(BOUND):
        log = await opened[2].read(job_id)
    state = await opened[1].state(job_id)
    assert state.job.status in (job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED)
    if state.job.status == job_pb2.JOB_STATUS_COMPLETED:
        assert answer(state) == "".join(f"{number} " for number in range(TOKENS))
    if not log.snapshots:
        assert [kind for kind in kinds(log.events) if kind in FINAL] == kinds(log.events)[-1:]
    for reader in chaos.readers:
        if reader.ended_at > chaos.lost_at + SURE:
            assert not reader.gone, "told that a job is not there that is"
            assert comparable(reader.seen.state) == comparable(state)
        if not rebased:
            assert len(reader.seen.snapshots) <= reader.asked
