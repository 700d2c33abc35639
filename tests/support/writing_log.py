"""A log in a store and its writer, for tests of those who read it."""

from __future__ import annotations

from datetime import timedelta

from streamsvc import codec
from streamsvc.jobs import lifecycle
from streamsvc.log import Batch
from streamsvc.producers.base import Finished
from streamsvc.store.base import Announcement, JobRecord, Lease, Store
from streamsvc.v1 import job_pb2
from tests.support.events import Event, pending_job

TTL = timedelta(seconds=10)
TIME_MS = 1_790_000_000_000


class Log:
    """A job in a store, and its writer. `first` is what the job began with."""

    def __init__(self, store: Store, record: JobRecord, lease: Lease, first: Batch) -> None:
        self.job_id = record.job.id
        self.record = record
        self.lease = lease
        self.first = first
        self.last = record.job.last_offset
        self._store = store

    async def say(self, *events: Event, job: job_pb2.Job | None = None) -> Announcement:
        """Append events, and return what is announced."""
        after, last = self.last, self.last + len(events)
        batch = Batch(self.lease.epoch, after, codec.encode(events, after), last, TIME_MS)
        await self._store.append(self.lease, batch, job=job)
        self.last = last
        return Announcement(batch.epoch, after, last, job is not None, batch.frames)

    async def end(self) -> Announcement:
        """Append the final event."""
        job = job_pb2.Job()
        job.CopyFrom(self.record.job)
        job.status = job_pb2.JOB_STATUS_COMPLETED
        return await self.say(lifecycle.completed(Finished(job_pb2.FINISH_REASON_STOP)), job=job)

    async def taken_over(self) -> Log:
        """Become another writer of the same log, whose lease has run out."""
        acquired = await self._store.acquire(self.job_id, TTL)
        return Log(self._store, acquired.record, acquired.lease, self.first)


async def begin(store: Store, job_id: str = "0" * 32) -> Log:
    """Create a job in the epoch `e1`."""
    job = pending_job(job_id, epoch="", last=0)
    first = Batch("e1", 0, codec.encode([lifecycle.created(job, [])], 0), 1, TIME_MS)
    created = await store.create(job, b"", first, digest=b"", ttl=TTL)
    assert created.lease is not None
    return Log(store, created.record, created.lease, first)
