"""The memory store: one process, everything lost with it. The reference that other stores are compared with."""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from streamsvc.errors import JobDeleted, JobNotFound
from streamsvc.log import Batch, Cursor, Frames
from streamsvc.store.memory_changes import ChangeLog
from streamsvc.store.memory_claims import Claims
from streamsvc.store.memory_job import MemoryJob, copy_of
from streamsvc.store.memory_list import Listing
from streamsvc.store.memory_open import OpenJobs
from streamsvc.store.memory_room import Room
from streamsvc.store.records import (
    Acquired,
    Announcement,
    Changes,
    Chunk,
    Claim,
    Copy,
    Created,
    JobChange,
    JobPage,
    JobQuery,
    JobRecord,
    Lease,
    LogLost,
    Outside,
    Scope,
    WriterCall,
)
from streamsvc.store.watches import Watches
from streamsvc.v1 import job_pb2, state_pb2

MAX_RETENTION = timedelta(days=30)


class MemoryStore:
    """See `store.base.Store`.

    `clock` returns seconds that never go back, `new_epoch` a name never used before. `safety_time` is how long a job
    is kept that is neither ended, appended to nor renewed. Over `max_bytes` the jobs that ended first are forgotten
    before their time; those that run never are, and when nothing is left to forget no more jobs are taken.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        new_epoch: Callable[[], str],
        safety_time: timedelta = timedelta(hours=24),
        tombstone_time: timedelta = MAX_RETENTION,
        max_bytes: int = 1024**3,
    ) -> None:
        self._clock = clock
        self._new_epoch = new_epoch
        self._safety_time = safety_time
        self._tombstone_time = tombstone_time
        self._jobs: dict[str, MemoryJob] = {}
        self._listing = Listing()
        self._open = OpenJobs()
        self._tombstones: dict[str, float] = {}
        self._expiries: list[tuple[float, str]] = []  # a heap; a job that lives longer is pushed again
        self._room = Room(max_bytes)
        self._changes = ChangeLog(new_epoch())
        self._claims = Claims()
        self._watches: Watches[str, Announcement] = Watches()
        self._job_watches: Watches[Scope, JobChange] = Watches()
        self._call_watches: Watches[None, WriterCall] = Watches()

    async def append(
        self, lease: Lease, batch: Batch, *, job: job_pb2.Job | None = None, notes: bytes | None = None
    ) -> Lease:
        stored = self._written(lease.job_id)
        if stored.append(lease, batch, job, notes):
            self._prolong(stored, lease)
            if stored.closed:
                self._closed(stored)
            self._weigh(stored)
            self._watches.tell(lease.job_id, stored.announced(batch.after, batch.frames))
            if job is not None:
                self._tell_change(stored)
        return stored.granted(lease)

    async def read(self, job_id: str, cursor: Cursor, *, max_bytes: int) -> Chunk:
        return self._found(job_id).read(cursor, max_bytes)

    def watch(self, job_id: str) -> AbstractAsyncContextManager[AsyncIterator[Announcement]]:
        return self._watches.watch(job_id)

    async def checkpoint(self, lease: Lease, state: state_pb2.JobState, *, trim: bool) -> None:
        stored = self._written(lease.job_id)
        stored.check(lease, state.offset)
        stored.keep(state, trim=trim)
        self._weigh(stored)

    async def read_checkpoint(self, job_id: str) -> state_pb2.JobState | None:
        checkpoint = self._found(job_id).checkpoint
        return None if checkpoint is None else state_pb2.JobState.FromString(checkpoint)

    async def restore(self, lease: Lease, copy: Copy) -> Lease:
        try:
            stored = self._written(lease.job_id)
        except LogLost:
            job = job_pb2.Job(id=lease.job_id, create_time=copy.job.create_time)
            stored = self._insert(MemoryJob(job, Frames(), copy.digest, copy.request, fence=0))
        if stored.restore(lease, copy):
            self._prolong(stored, lease)
            if stored.closed:
                self._closed(stored)
            self._weigh(stored)
            self._watches.tell(lease.job_id, stored.announced(copy.after, copy.frames))
            self._tell_change(stored)
        return stored.granted(lease)

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
        try:
            stored = self._found(job.id)
        except JobDeleted:
            raise
        except JobNotFound:
            pass
        else:
            return Created(stored.found_by(digest), None)
        size = len(request) + len(first.frames)
        self._forget_ended(size)
        self._room.check(size)
        stored = MemoryJob(copy_of(job), Frames(), digest, request, fence=1, outside=outside, claim=claim)
        lease = Lease(job.id, first.epoch, 1, ttl)
        stored.job.epoch, stored.job.last_offset = first.epoch, 0
        stored.append(lease, first, None, None)
        self._insert(stored)
        self._prolong(stored, lease)
        self._weigh(stored)
        self._tell_change(stored)
        if not ttl:
            self._give_away(stored)
        return Created(stored.record(), lease)

    async def get(self, job_id: str) -> JobRecord:
        return self._found(job_id).record()

    async def list(self, query: JobQuery) -> JobPage:
        self._sweep()
        return self._listing.page(self._jobs, query)

    async def request_cancel(self, job_id: str, reason: str) -> job_pb2.Job:
        stored = self._found(job_id)
        if not stored.closed and not stored.cancel_requested:
            stored.request_cancel(reason, self._clock())
            self._call_watches.tell(None, WriterCall(job_id, reason))
        return copy_of(stored.job)

    async def delete(self, job_id: str) -> None:
        self._sweep()
        stored = self._jobs.get(job_id)
        if stored is not None:
            self._tombstones[job_id] = self._clock() + self._tombstone_time.total_seconds()
            heapq.heappush(self._expiries, (self._tombstones[job_id], job_id))
            self._forget(job_id)
            self._watches.tell(job_id, Announcement(stored.job.epoch, 0, 0, False, b"", deleted=True))

    async def changed_since(self, scope: Scope, token: str) -> Changes:
        self._sweep()
        return self._changes.since(scope, token, self._jobs)

    async def claim(self, owner: str, conversation_id: str, job_id: str, *, over: str) -> str:
        return self._claims.claim(owner, conversation_id, job_id, over)

    def watch_jobs(self, scope: Scope) -> AbstractAsyncContextManager[AsyncIterator[JobChange]]:
        return self._job_watches.watch(scope)

    async def acquire(self, job_id: str, ttl: timedelta, *, claim: Claim | None = None) -> Acquired:
        stored = self._found(job_id)
        handed_over = stored.released
        stored.acquire(self._new_epoch(), ttl, claim, self._clock())
        lease = Lease(job_id, stored.job.epoch, stored.fence, ttl)
        self._prolong(stored, lease)
        return Acquired(stored.granted(lease), stored.record(), handed_over, stored.request, stored.notes)

    async def renew(self, lease: Lease, last: int) -> Lease:
        stored = self._written(lease.job_id)
        stored.check(lease, last)
        if not stored.closed:
            self._prolong(stored, lease)
        return stored.granted(lease)

    async def release(self, lease: Lease) -> None:
        stored = self._written(lease.job_id)
        stored.check(lease, 0)
        self._give_away(stored)
        self._tell_change(stored)

    async def abandoned(self, *, released: bool = False) -> Sequence[str]:
        self._sweep()
        return self._open.abandoned(self._clock(), released=released)

    async def waiting(self, producer: str, *, released: bool = False) -> Sequence[str]:
        self._sweep()
        return self._open.waiting(producer, self._clock(), released=released)

    async def claimed(self, name: str) -> str:
        return self._open.claimed(name, self._clock())

    def watch_calls(self) -> AbstractAsyncContextManager[AsyncIterator[WriterCall]]:
        return self._call_watches.watch(None)

    def _found(self, job_id: str) -> MemoryJob:
        self._sweep()
        if job_id in self._tombstones:
            raise JobDeleted.of(job_id)
        stored = self._jobs.get(job_id)
        if stored is None:
            raise JobNotFound.of(job_id)
        return stored

    def _written(self, job_id: str) -> MemoryJob:
        """Find a job for its writer, to whom a missing one is a loss."""
        try:
            return self._found(job_id)
        except JobDeleted:
            raise
        except JobNotFound:
            raise LogLost from None

    def _insert(self, stored: MemoryJob) -> MemoryJob:
        self._jobs[stored.job.id] = stored
        self._listing.add(stored.job)
        self._open.add(stored)
        return stored

    def _prolong(self, stored: MemoryJob, lease: Lease) -> None:
        now = self._clock()
        stored.lease_end = min(now + lease.ttl.total_seconds(), stored.lease_limit)
        stored.released = False
        self._expire_at(stored, now + self._safety_time.total_seconds())

    def _give_away(self, stored: MemoryJob) -> None:
        stored.lease_end, stored.released, stored.claim = self._clock(), True, ""
        producer = stored.job.producer if stored.outside else ""
        self._call_watches.tell(None, WriterCall(stored.job.id, released=True, producer=producer))

    def _closed(self, stored: MemoryJob) -> None:
        self._open.discard(stored.job.id)
        self._room.ended[stored.job.id] = None
        self._expire_at(stored, self._clock() + stored.job.retention.ToTimedelta().total_seconds())

    def _expire_at(self, stored: MemoryJob, when: float) -> None:
        # A place in the heap that is too early is corrected when it comes up; one that is too late never is.
        if not stored.expires or when < stored.expires:
            heapq.heappush(self._expiries, (when, stored.job.id))
        stored.expires = when

    def _sweep(self) -> None:
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            _, job_id = heapq.heappop(self._expiries)
            if self._tombstones.get(job_id, now + 1) <= now:
                del self._tombstones[job_id]
            stored = self._jobs.get(job_id)
            if stored is not None and stored.expires > now:
                heapq.heappush(self._expiries, (stored.expires, job_id))
            elif stored is not None:
                self._forget(job_id)

    def _forget(self, job_id: str) -> None:
        stored = self._jobs.pop(job_id)
        self._listing.remove(job_id)
        self._open.discard(job_id)
        self._room.leave(stored)
        self._changes.removed(stored.job)
        self._claims.forget(stored.job)
        self._job_watches.tell_where(lambda scope: scope.covers(stored.job), JobChange(job_id, None))

    def _weigh(self, stored: MemoryJob) -> None:
        self._room.weigh(stored)
        self._forget_ended(0, but=stored.job.id)

    def _forget_ended(self, size: int, but: str = "") -> None:
        while (job_id := self._room.surplus(size, but)) is not None:
            self._forget(job_id)

    def _tell_change(self, stored: MemoryJob) -> None:
        self._changes.changed(stored.job.id)
        change = JobChange(stored.job.id, copy_of(stored.job))
        self._job_watches.tell_where(lambda scope: scope.covers(stored.job), change)
