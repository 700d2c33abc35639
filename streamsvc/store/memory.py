"""The memory store: one process, everything lost with it. The reference that other stores are compared with."""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

from streamsvc.errors import JobDeleted, JobNotFound, LeaseHeld, LogClosed, Overloaded, RequestIdReused
from streamsvc.log import Batch, Cursor, Frames
from streamsvc.store.memory_changes import ChangeLog
from streamsvc.store.memory_claims import Claims
from streamsvc.store.memory_job import MemoryJob, copy_of
from streamsvc.store.memory_list import Listing
from streamsvc.store.records import (
    Acquired,
    Announcement,
    Changes,
    Chunk,
    Copy,
    Created,
    JobChange,
    JobPage,
    JobQuery,
    JobRecord,
    Lease,
    LogLost,
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
        self._open: set[str] = set()
        self._tombstones: dict[str, float] = {}
        self._expiries: list[tuple[float, str]] = []  # a heap; a job that lives longer is pushed again
        self._max_bytes = max_bytes
        self._bytes = 0
        self._ended: dict[str, None] = {}  # in order of their end
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
            epoch, after, last = batch.epoch, batch.after, batch.last
            self._watches.tell(lease.job_id, Announcement(epoch, after, last, stored.closed, batch.frames))
            if job is not None:
                self._tell_change(stored)
        return _granted(stored, lease)

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
            announcement = Announcement(lease.epoch, copy.after, copy.last, stored.closed, copy.frames)
            self._watches.tell(lease.job_id, announcement)
            self._tell_change(stored)
        return _granted(stored, lease)

    async def create(self, job: job_pb2.Job, request: bytes, first: Batch, *, digest: bytes, ttl: timedelta) -> Created:
        try:
            stored = self._found(job.id)
        except JobDeleted:
            raise
        except JobNotFound:
            pass
        else:
            if stored.digest != digest:
                raise RequestIdReused(f"the request_id belongs to job {job.id}, of another request", {"job_id": job.id})
            return Created(stored.record(), None)
        self._make_room(len(request) + len(first.frames))
        stored = MemoryJob(copy_of(job), Frames(), digest, request, fence=1)
        lease = Lease(job.id, first.epoch, 1, ttl)
        stored.job.epoch, stored.job.last_offset = first.epoch, 0
        stored.append(lease, first, None, None)
        self._insert(stored)
        self._prolong(stored, lease)
        self._weigh(stored)
        self._tell_change(stored)
        return Created(stored.record(), lease)

    async def get(self, job_id: str) -> JobRecord:
        return self._found(job_id).record()

    async def list(self, query: JobQuery) -> JobPage:
        self._sweep()
        return self._listing.page(self._jobs, query)

    async def request_cancel(self, job_id: str, reason: str) -> job_pb2.Job:
        stored = self._found(job_id)
        if not stored.closed and not stored.cancel_requested:
            stored.cancel_requested, stored.cancel_reason = True, reason
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

    async def acquire(self, job_id: str, ttl: timedelta) -> Acquired:
        stored = self._found(job_id)
        left = stored.lease_end - self._clock()
        if stored.closed:
            raise LogClosed("the job has ended", {"last_offset": str(stored.job.last_offset)})
        if left > 0:
            raise LeaseHeld("another producer writes the job", {"job_id": job_id}, retry_after=timedelta(seconds=left))
        handed_over = stored.released
        stored.hand_to(self._new_epoch())
        lease = Lease(job_id, stored.job.epoch, stored.fence, ttl)
        self._prolong(stored, lease)
        return Acquired(_granted(stored, lease), stored.record(), handed_over, stored.request, stored.notes)

    async def renew(self, lease: Lease, last: int) -> Lease:
        stored = self._written(lease.job_id)
        stored.check(lease, last)
        if not stored.closed:
            self._prolong(stored, lease)
        return _granted(stored, lease)

    async def release(self, lease: Lease) -> None:
        stored = self._written(lease.job_id)
        stored.check(lease, 0)
        stored.lease_end, stored.released = self._clock(), True
        self._call_watches.tell(None, WriterCall(lease.job_id, released=True))
        self._tell_change(stored)

    async def abandoned(self, *, released: bool = False) -> Sequence[str]:
        self._sweep()
        now = self._clock()
        found = [stored for job_id in self._open if (stored := self._jobs[job_id]).lease_end <= now]
        return [stored.job.id for stored in found if stored.released or not released]

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
        self._open.add(stored.job.id)
        return stored

    def _prolong(self, stored: MemoryJob, lease: Lease) -> None:
        now = self._clock()
        stored.lease_end = now + lease.ttl.total_seconds()
        stored.released = False
        self._expire_at(stored, now + self._safety_time.total_seconds())

    def _closed(self, stored: MemoryJob) -> None:
        self._open.discard(stored.job.id)
        self._ended[stored.job.id] = None
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
        self._ended.pop(job_id, None)
        self._bytes -= stored.weighed
        self._changes.removed(stored.job)
        self._claims.forget(stored.job)
        self._job_watches.tell_where(lambda scope: scope.covers(stored.job), JobChange(job_id, None))

    def _weigh(self, stored: MemoryJob) -> None:
        self._bytes += stored.size - stored.weighed
        stored.weighed = stored.size
        self._forget_ended(0, but=stored.job.id)

    def _forget_ended(self, room: int, but: str = "") -> None:
        while self._bytes + room > self._max_bytes and (oldest := next(iter(self._ended), but)) != but:
            self._forget(oldest)

    def _make_room(self, size: int) -> None:
        self._forget_ended(size)
        if self._bytes + size > self._max_bytes:
            limit = str(self._max_bytes)
            raise Overloaded(f"running jobs fill the memory store (memory_store_bytes={limit})", {"limit": limit})

    def _tell_change(self, stored: MemoryJob) -> None:
        self._changes.changed(stored.job.id)
        change = JobChange(stored.job.id, copy_of(stored.job))
        self._job_watches.tell_where(lambda scope: scope.covers(stored.job), change)


def _granted(stored: MemoryJob, lease: Lease) -> Lease:
    return replace(lease, cancel_requested=stored.cancel_requested, cancel_reason=stored.cancel_reason)
