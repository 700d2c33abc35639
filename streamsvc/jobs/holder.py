"""The writer's side of a lease: renewed in time, restored after a loss, given away, or up when it may have run out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from streamsvc.backoff import Backoff
from streamsvc.errors import LeaseLost, StoreUnavailable
from streamsvc.jobs.lease_clock import LeaseClock
from streamsvc.jobs.tail import Tail
from streamsvc.log import Batch
from streamsvc.store.base import Announcement, Copy, JobRecord, Lease, LogLost, Store
from streamsvc.v1 import job_pb2

T = TypeVar("T")

TICKS = 10
"""How often in a lease's time its age is looked at. It is renewed after a third."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job to write: the lease on it, the job as it was then, and what restoring it would need.

    `asked` is the writer's clock before the lease was asked for: it may have run since then.
    """

    lease: Lease
    asked: float
    record: JobRecord
    request: bytes
    digest: bytes


class Holder:
    """Holds the lease of one job, and is the only one that writes to its log.

    Every call goes on until its outcome is known: a store that does not answer is asked again with the same bytes, for
    `outage_limit` seconds; what it lost is put back. `heard` is called with the reason when somebody asks the job to
    stop. `clock` returns seconds that never go back, `random` a float in [0, 1).
    """

    def __init__(
        self,
        store: Store,
        tail: Tail,
        assignment: Assignment,
        *,
        outage_limit: float,
        heard: Callable[[str], None],
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._store = store
        self._tail = tail
        self._lease = assignment.lease
        self._assignment = assignment
        self._job = assignment.record.job
        self._notes = b""
        self._time_ms = self._job.update_time.ToMilliseconds()
        self._outage_limit = outage_limit
        self._heard = heard
        self._clock = clock
        self._random = random
        self._seconds = self._lease.ttl.total_seconds()
        self._age = LeaseClock(self._seconds, 3 * self._seconds / TICKS, assignment.asked)
        self._reached = True
        self._sent: float | None = None  # when a call was sent that is not answered yet
        self._given = False
        self._writing = asyncio.Lock()

    async def append(self, batch: Batch, job: job_pb2.Job | None, notes: bytes | None) -> None:
        """Append a frozen batch. Raises what tells the writer to stop."""

        async def step() -> Lease:
            return await self._store.append(self._lease, batch, job=job, notes=notes)

        async with self._writing:
            await self._insist(step)
            self._job = job or self._job
            self._notes = self._notes if notes is None else notes
            self._time_ms = batch.time_ms
            closed = job is not None and job.HasField("complete_time")
            self._tail.take(Announcement(batch.epoch, batch.after, batch.last, closed, batch.frames))

    async def checkpoint(self, *, trim: bool) -> int | None:
        """Keep the job's state in the store, and with `trim` forget the events that it covers.

        Returns how many bytes the state has, None if it could not be kept just now.
        """
        try:
            state = await self._tail.state()
            async with self._writing:
                await self._store.checkpoint(self._lease, state, trim=trim)
        except (StoreUnavailable, LogLost):
            return None  # the next append insists, and puts back what is lost
        return state.ByteSize()

    async def check(self) -> None:
        """Renew the lease, or after the final event: see whether the store still has everything."""

        async def step() -> Lease:
            return await self._store.renew(self._lease, self._tail.last)

        async with self._writing:
            await self._insist(step)

    async def release(self) -> None:
        """Give the job away, so that another writer takes it at once. Raises what tells the writer to stop."""

        async def step() -> Lease:
            # A last look: whoever takes the job cannot put back what the store has lost by now.
            lease = await self._store.renew(self._lease, self._tail.last)
            await self._store.release(self._lease)
            return lease

        async with self._writing:
            await self._insist(step)
            self._given = True

    def is_held(self) -> bool:
        """Tell whether nobody else can have the lease. A process that was stopped for a while finds out here."""
        self._tick()
        return not self._age.expired

    async def keep(self) -> None:
        """Renew the lease until it is given away. Raises LeaseLost when it may have run out."""
        # The clock goes on while a renewal waits for a store that does not answer: else that would look like a stop.
        renewing = asyncio.create_task(self._renew())
        try:
            while not renewing.done():
                await asyncio.wait({renewing}, timeout=self._seconds / TICKS)
                self._must_be_held()
            await renewing
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self) -> None:
        while not self._given:
            await asyncio.sleep(self._seconds / TICKS)
            if self._age.age >= self._seconds / 3 and not self._writing.locked():
                await self.check()

    async def _insist(self, step: Callable[[], Awaitable[Lease]]) -> None:
        """Repeat `step` until its outcome is known. It is sent only while nobody else can have the lease."""
        attempt, failing_since = 0, None
        while True:
            self._must_be_held()
            sent = self._clock()
            try:
                await self._restoring(step)
            except StoreUnavailable:
                self._reached = False
                failing_since = sent if failing_since is None else failing_since
                self._tail.unreachable_since = failing_since
                if self._clock() - failing_since > self._outage_limit:
                    raise
                delay = Backoff().delay(attempt, random=self._random)
                # Once the store answers again, others may take the job when the lease has passed: see Reaper.
                await asyncio.sleep(min(delay.total_seconds(), 1.0, self._seconds / 3))
                attempt += 1
            else:
                self._must_be_held()
                return

    async def _restoring(self, step: Callable[[], Awaitable[Lease]]) -> None:
        while True:
            try:
                return await self._renewing(step)
            except LogLost:
                await self._restore()

    async def _restore(self) -> None:
        """Put back what the store lost, but only while nobody else can have taken the job."""
        self._reached = True
        self._must_be_held()
        state, after, frames = self._tail.copy()
        copy = Copy(
            job=self._job,
            chain=self._assignment.record.chain,
            state=state,
            after=after,
            frames=frames,
            last=self._tail.last,
            time_ms=self._time_ms,
            digest=self._assignment.digest,
            request=self._assignment.request,
            notes=self._notes,
            losses=self._assignment.record.losses,
        )

        async def step() -> Lease:
            return await self._store.restore(self._lease, copy)

        await self._renewing(step)
        await self._tail.refresh()

    def _must_be_held(self) -> None:
        if not self.is_held():
            job_id = self._lease.job_id
            raise LeaseLost(f"the lease on job {job_id} may have run out", {"job_id": job_id})

    async def _renewing(self, step: Callable[[], Awaitable[Lease]]) -> None:
        """Take a step that renews the lease, from before it was asked for."""
        asked, self._sent = self._age.age, self._clock()
        try:
            lease = await step()
            self._tick()
        finally:
            self._sent = None
        self._reached = True
        self._tail.unreachable_since = None
        self._age.renewed(asked)
        if lease.cancel_requested:
            self._heard(lease.cancel_reason)

    def _tick(self) -> None:
        now = self._clock()
        # A store that hangs is known to be out of reach only when the call has failed, which may take it a whole lease.
        hangs = self._sent is not None and now - self._sent > self._seconds / TICKS
        self._age.tick(now, reached=self._reached and not hangs)
