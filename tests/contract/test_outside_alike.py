"""Jobs of processes outside the service, on each store beside the memory store, through whatever chance brings."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random

import pytest

from streamsvc.store.base import Acquired, Claim, Created, JobRecord, Lease, Outside
from tests.support.pair import Pair, Side
from tests.support.stores import FACTORIES, memory
from tests.support.writing import REQUEST, a_job, batch

JOBS = [f"{number:032x}" for number in range(3)]
PRODUCERS = ["agent", "other"]
NAMES = ["", "one", "two"]
LIVES = {"memory": 20, "redis": 60, "redis_cluster": 20}
STEPS = 60


@dataclass
class Life:
    """What happens to some jobs on both stores. `leases` are all that were ever granted, with where each log ended."""

    pair: Pair
    random: Random
    ttl: timedelta
    leases: list[tuple[Lease, int]] = field(default_factory=list)
    serial: int = 0

    async def step(self) -> None:
        """Let one thing happen, and ask both stores what they know."""
        ways = [self.create, self.claim, self.claim, self.reap, self.write, self.write, self.renew, self.release]
        await self.random.choice([*ways, self.cancel, self.wait, self.wait])()
        for producer in PRODUCERS:
            await self.pair.ask(partial(_waiting, producer, False))
            await self.pair.ask(partial(_waiting, producer, True))
        for job_id in JOBS:
            await self.pair.ask(partial(_record, job_id))
        await self.pair.ask(lambda side: side.store.abandoned())
        await self.pair.ask(lambda side: side.store.abandoned(released=True))

    async def create(self) -> None:
        """Create a job that is held or waits."""
        job_id, ttl = self.random.choice(JOBS), self.random.choice([self.ttl, timedelta()])
        mark = Outside(self.random.choice([self.ttl / 2, self.ttl * 2]), self.ttl * 1.5, ttl)
        job = a_job(self.pair.sides[0].sut, job_id)
        job.producer = self.random.choice(PRODUCERS)
        first, claim = batch(self.name(), 0, "begun"), self.random.choice(NAMES) if ttl else ""
        created = await self.pair.ask(
            lambda side: side.store.create(job, REQUEST, first, digest=b"d", ttl=ttl, outside=mark, claim=claim)
        )
        if isinstance(created, Created) and created.lease and ttl:
            self.leases.append((created.lease, 1))

    async def claim(self) -> None:
        """Claim a job, perhaps again, perhaps from whoever has it."""
        await self.acquire(Claim(self.random.choice(NAMES), seizes=self.random.random() < 0.2))

    async def reap(self) -> None:
        """Acquire a job as an instance does that ends it."""
        await self.acquire(None)

    async def acquire(self, claim: Claim | None) -> None:
        """Acquire a job."""
        job_id, name = self.random.choice(JOBS), self.name()

        async def call(side: Side) -> Acquired:
            before = (await side.store.get(job_id)).job.epoch
            taken = await side.store.acquire(job_id, self.ttl, claim=claim)
            if taken.lease.epoch != before:
                side.learn(name, taken.lease.epoch)
            return taken

        taken = await self.pair.ask(call)
        if isinstance(taken, Acquired):
            self.leases.append((taken.lease, taken.record.job.last_offset))

    async def write(self) -> None:
        """Append under a lease, which may be an old one."""
        if self.leases:
            place, words = self.random.randrange(len(self.leases)), self.name()
            lease, last = self.leases[place]
            answer = await self.pair.ask(
                lambda side: side.store.append(side.lease(lease), batch(side.epoch(lease.epoch), last, words))
            )
            if isinstance(answer, Lease):
                self.leases[place] = (lease, last + 1)

    async def renew(self) -> None:
        """Renew a lease."""
        if self.leases:
            lease, last = self.random.choice(self.leases)
            await self.pair.ask(lambda side: side.store.renew(side.lease(lease), last))

    async def release(self) -> None:
        """Give a job away."""
        if self.leases:
            lease, _ = self.random.choice(self.leases)
            await self.pair.ask(lambda side: side.store.release(side.lease(lease)))

    async def cancel(self) -> None:
        """Ask a job to stop."""
        if self.random.random() < 0.4:
            job_id = self.random.choice(JOBS)
            await self.pair.ask(lambda side: side.store.request_cancel(job_id, "enough"))

    async def wait(self) -> None:
        """Let time pass."""
        by = self.ttl * self.random.choice([0.317, 0.731, 1.171])  # no sums of these are the ends of anything
        for side in self.pair.sides:
            await side.sut.advance(by)

    def name(self) -> str:
        """Return a name that was never used before."""
        self.serial += 1
        return f"n{self.serial}"


async def _waiting(producer: str, released: bool, side: Side) -> Sequence[str]:
    return await side.store.waiting(producer, released=released)


async def _record(job_id: str, side: Side) -> JobRecord:
    return await side.store.get(job_id)


@pytest.mark.parametrize("store", FACTORIES)
async def test_a_store_answers_like_the_memory_store_whatever_happens_to_jobs_of_others(store: str) -> None:
    for seed in range(LIVES[store]):
        async with AsyncExitStack() as opened:
            subject = await opened.enter_async_context(FACTORIES[store]())
            reference = await opened.enter_async_context(memory(subject.times))
            life = Life(Pair(subject, reference), Random(seed), subject.times.ttl)
            try:
                for _ in range(STEPS):
                    await life.step()
            except BaseException as failed:
                failed.add_note(f"in the life of seed {seed}")
                raise
