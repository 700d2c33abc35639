"""What a store promises: logs of events, the table of jobs, and leases on writing them.

Every call is atomic for its job. The rules behind the promises, and the hole that each one closes, are in
docs/architecture.md, "The rules of one log". Jobs, requests and states are protobuf messages; a store reads no
events, only the bytes of their frames.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from streamsvc.log import Batch, Chain, Cursor
from streamsvc.v1 import job_pb2, state_pb2

FINAL = frozenset({job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED, job_pb2.JOB_STATUS_CANCELLED})
"""The statuses that close a log."""


class Unservable(Exception):
    """The log cannot go on from this cursor: trimmed, or an epoch that was cut short or is unknown. Send a snapshot."""


class LogLost(Exception):
    """The store lost something that it had acknowledged to this writer. Restore it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a job for `ttl` from the last time it was granted or renewed.

    `fence` grows with each change of hands, and `epoch` changes with it: a write under an older one is refused.
    `cancel_requested` tells what the store knew as it answered.
    """

    job_id: str
    epoch: str
    fence: int
    ttl: timedelta
    cancel_requested: bool = False
    cancel_reason: str = ""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the store knows it, a copy: `job` with its epoch, last offset and update time as of now.

    `losses` counts the takeovers after a lease that ran out; hand-overs are not among them.
    """

    job: job_pb2.Job
    chain: Chain
    fence: int
    losses: int = 0
    cancel_requested: bool = False

    @property
    def closed(self) -> bool:
        """Whether the log has its final event."""
        return self.job.status in FINAL


@dataclass(frozen=True, slots=True)
class Created:
    """What `create` gives: the job, and the lease on it, or none if a repeat found the job there."""

    record: JobRecord
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class Acquired:
    """What `acquire` gives: the lease, the job under its new epoch, and what its next producer needs."""

    lease: Lease
    record: JobRecord
    handed_over: bool
    request: bytes
    notes: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a log, read in one step: the events `after + 1` to `last` of a log that ends at `end`.

    Without frames the cursor was at the end, or ahead of an open log.
    """

    epoch: str
    chain: Chain
    after: int
    frames: bytes
    last: int
    end: int
    closed: bool


@dataclass(frozen=True, slots=True)
class Announcement:
    """Word of an append (events `after + 1` to `last`, with their frames) or of a deletion."""

    epoch: str
    after: int
    last: int
    closed: bool
    frames: bytes
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """All that a living writer knows of its job, to put back what the store lost.

    `state` is the job folded up to `after`, None if `after` is 0; `frames` hold the events `after + 1` to `last`.
    """

    job: job_pb2.Job
    chain: Chain
    state: state_pb2.JobState | None
    after: int
    frames: bytes
    last: int
    time_ms: int
    digest: bytes
    request: bytes
    notes: bytes


@dataclass(frozen=True, slots=True)
class Scope:
    """Which jobs are meant: of an owner, of a conversation, of both. None: any."""

    owner: str | None = None
    conversation_id: str | None = None

    def covers(self, job: job_pb2.Job) -> bool:
        """Tell whether `job` is meant."""
        return self.owner in (None, job.owner) and self.conversation_id in (None, job.conversation_id)


@dataclass(frozen=True, slots=True)
class JobQuery:
    """A page of jobs, newest first. `page_token` comes from the page before, with the rest unchanged."""

    scope: Scope = Scope()
    statuses: frozenset[int] = frozenset()
    page_size: int = 50
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, and the token of the next page: empty on the last one."""

    jobs: Sequence[job_pb2.Job]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class JobChange:
    """A job that is new or changed, or (`job` is None) one that was deleted or forgotten."""

    job_id: str
    job: job_pb2.Job | None


class EventLog(Protocol):
    """The logs. There is no "publish": an append announces itself, in the same step."""

    async def append(
        self, lease: Lease, batch: Batch, *, job: job_pb2.Job | None = None, notes: bytes | None = None
    ) -> Lease:
        """Append a frozen batch all or none, announce it, and renew the lease. Returns the lease as it stands.

        `job` is the job as the batch leaves it, given when more of it changes than its last offset. One with a final
        status closes the log, starts the retention and erases request and notes. `notes` replace the private record
        that `acquire` hands out.

        Repeating the newest batch is safe, and renews nothing. The expiry of the lease is not checked: fence and
        epoch are, and they are enough. Order of checks: repeat, closed, fence and epoch, offset.

        Raises JobDeleted (stop), LeaseLost (a higher fence, or another epoch: stop), LogLost (job missing, lower
        fence, or own fence with a smaller last offset: restore), LogClosed, OffsetMismatch, StoreUnavailable.
        """
        ...

    async def read(self, job_id: str, cursor: Cursor, *, max_bytes: int) -> Chunk:
        """Judge the cursor and read what follows it, in one step.

        At most `max_bytes`, but at least the rest of one append. A cursor ahead of an open log gets a chunk without
        frames; ahead of a closed one it is not servable.

        Raises Unservable, JobNotFound, JobDeleted, StoreUnavailable.
        """
        ...

    def watch(self, job_id: str) -> AbstractAsyncContextManager[AsyncIterator[Announcement]]:
        """Hear of appends. May skip, repeat or lose: a hint to read. Live once entered.

        Waiting for the next one may be cancelled, and begun again.
        """
        ...

    async def checkpoint(self, lease: Lease, state: state_pb2.JobState, *, trim: bool) -> None:
        """Keep `state` beside the log, and with `trim` forget the events up to `state.offset`, in one step.

        Raises as `append`.
        """
        ...

    async def read_checkpoint(self, job_id: str) -> state_pb2.JobState | None:
        """Return the newest checkpoint, with the epoch it was made in as `state.job.epoch`; None if there is none.

        Raises JobNotFound, JobDeleted, StoreUnavailable.
        """
        ...

    async def restore(self, lease: Lease, copy: Copy) -> Lease:
        """Put back what the store lost of a job, under the same epoch and fence. Renews the lease.

        Only over a missing job without a tombstone, a lower fence, or the own fence with a smaller last offset; over
        as much as `copy` holds it does nothing. A cancel request found there is kept.

        Raises JobDeleted, LogClosed, LeaseLost, StoreUnavailable: the writer stops.
        """
        ...


class JobTable(Protocol):
    """The jobs."""

    async def create(self, job: job_pb2.Job, request: bytes, first: Batch, *, digest: bytes, ttl: timedelta) -> Created:
        """Create `job` with its first events and a lease for the caller, in one step; announce it.

        `job.id` is the claim. A repeat with the same `digest` of the request finds the job as it stands.

        Raises RequestIdReused (another digest), JobDeleted, StoreUnavailable, Overloaded.
        """
        ...

    async def get(self, job_id: str) -> JobRecord:
        """Return the job. Raises JobNotFound, JobDeleted, StoreUnavailable."""
        ...

    async def list(self, query: JobQuery) -> JobPage:
        """Return a page of jobs, newest first. Raises FieldInvalid (page_token), StoreUnavailable."""
        ...

    async def request_cancel(self, job_id: str, reason: str) -> job_pb2.Job:
        """Ask the writer to stop; the first reason stays. Returns the job, as it is if it has already ended.

        Raises JobNotFound, JobDeleted, StoreUnavailable.
        """
        ...

    async def delete(self, job_id: str) -> None:
        """Forget the job at once, leave a tombstone as long as the longest retention, announce it.

        Deleting what is not there is no error. Raises StoreUnavailable.
        """
        ...

    def watch_jobs(self, scope: Scope) -> AbstractAsyncContextManager[AsyncIterator[JobChange]]:
        """Hear of jobs that are new, changed or gone. May skip, repeat or lose. Live once entered."""
        ...


class Leases(Protocol):
    """Who writes what. Time is the store's own; only durations cross this interface."""

    async def acquire(self, job_id: str, ttl: timedelta) -> Acquired:
        """Become the writer of a job whose lease has run out or was released: a higher fence, a new epoch.

        The old epoch goes into the chain with the last offset found. Raises LeaseHeld (with the time left), LogClosed,
        JobNotFound, JobDeleted, StoreUnavailable.
        """
        ...

    async def renew(self, lease: Lease, last: int) -> Lease:
        """Prolong the lease by its ttl. `last` is the newest offset acknowledged to the caller.

        On a log that this lease closed it renews nothing and tells whether the store still has it all.
        Raises as `append`, but never OffsetMismatch.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Give the job away, so that another may acquire it at once. Raises as `renew`."""
        ...

    async def abandoned(self) -> Sequence[str]:
        """Return ids of open jobs that nobody holds a lease on. Raises StoreUnavailable."""
        ...


class Store(EventLog, JobTable, Leases, Protocol):
    """All three."""
