"""A memory store that can lose what it acknowledged, as a store that restarts or fails over may."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta

from streamsvc.log import Batch
from streamsvc.store.base import Acquired, Claim, Copy, Created, Lease, Outside
from streamsvc.store.memory import MemoryStore
from streamsvc.store.memory_job import MemoryJob
from streamsvc.v1 import job_pb2, state_pb2


class LossyMemoryStore(MemoryStore):
    """Remembers each job as it was after every call that may have changed it."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        new_epoch: Callable[[], str],
        safety_time: timedelta,
        tombstone_time: timedelta,
    ) -> None:
        super().__init__(clock=clock, new_epoch=new_epoch, safety_time=safety_time, tombstone_time=tombstone_time)
        self._past: defaultdict[str, list[MemoryJob]] = defaultdict(list)

    async def lose(self, job_id: str, to_offset: int, fence: int) -> None:
        """Go back to the newest state with at most this last offset and this fence, or to no job if there is none.

        That may be the state it has: then nothing is lost but a deletion.
        """
        past = self._past[job_id]
        while past and not (past[-1].job.last_offset <= to_offset and past[-1].fence <= fence):
            past.pop()
        claims = deepcopy(self._claims)
        if job_id in self._jobs:
            self._forget(job_id)
        self._claims = claims
        self._tombstones.pop(job_id, None)
        if past:
            self._put_back(deepcopy(past[-1]))

    def private(self, job_id: str) -> tuple[bytes, bytes]:
        """Return the request and the notes that are kept of a job."""
        stored = self._jobs[job_id]
        return stored.request, stored.notes

    def leftovers(self) -> int:
        """Return how many entries are kept of any job, and how many bytes are thought to be."""
        self._sweep()
        kept = (self._jobs, self._open, self._room.ended, self._tombstones, self._expiries)
        return sum(len(entries) for entries in kept) + len(self._claims) + self._room.bytes

    def open_watches(self) -> int:
        """Return how many watches are open."""
        return len(self._watches) + len(self._job_watches) + len(self._call_watches)

    def _put_back(self, stored: MemoryJob) -> None:
        job_id = stored.job.id
        stored.weighed = 0
        self._jobs[job_id] = stored
        self._listing.add(stored.job)
        if stored.closed:
            self._room.ended[job_id] = None
        else:
            self._open.add(stored)
        self._weigh(stored)
        self._changes.changed(job_id)
        heapq.heappush(self._expiries, (stored.expires, job_id))

    def _remember(self, job_id: str) -> None:
        if job_id in self._jobs:
            self._past[job_id].append(deepcopy(self._jobs[job_id]))

    async def append(
        self, lease: Lease, batch: Batch, *, job: job_pb2.Job | None = None, notes: bytes | None = None
    ) -> Lease:
        granted = await super().append(lease, batch, job=job, notes=notes)
        self._remember(lease.job_id)
        return granted

    async def checkpoint(self, lease: Lease, state: state_pb2.JobState, *, trim: bool) -> None:
        await super().checkpoint(lease, state, trim=trim)
        self._remember(lease.job_id)

    async def restore(self, lease: Lease, copy: Copy) -> Lease:
        granted = await super().restore(lease, copy)
        self._remember(lease.job_id)
        return granted

    async def create(
        self,
        job: job_pb2.Job,
        request: bytes,
        first: Batch,
        *,
        digest: bytes,
        ttl: timedelta,
        outside: Outside | None = None,
        claim: str = "",
    ) -> Created:
        created = await super().create(job, request, first, digest=digest, ttl=ttl, outside=outside, claim=claim)
        self._remember(job.id)
        return created

    async def request_cancel(self, job_id: str, reason: str) -> job_pb2.Job:
        job = await super().request_cancel(job_id, reason)
        self._remember(job_id)
        return job

    async def acquire(self, job_id: str, ttl: timedelta, *, claim: Claim | None = None) -> Acquired:
        acquired = await super().acquire(job_id, ttl, claim=claim)
        self._remember(job_id)
        return acquired

    async def renew(self, lease: Lease, last: int) -> Lease:
        granted = await super().renew(lease, last)
        self._remember(lease.job_id)
        return granted

    async def release(self, lease: Lease) -> None:
        await super().release(lease)
        self._remember(lease.job_id)
