"""What a store promises: logs of events, the table of jobs, and leases on writing them.

Every call is atomic for its job. The rules behind the promises, and the hole that each one closes, are in
docs/architecture.md, "The rules of one log". Jobs, requests and states are protobuf messages; a store reads no
events, only the bytes of their frames.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from streamsvc.log import Batch, Cursor
from streamsvc.store.records import FINAL as FINAL
from streamsvc.store.records import Acquired as Acquired
from streamsvc.store.records import Announcement as Announcement
from streamsvc.store.records import Changes as Changes
from streamsvc.store.records import Chunk as Chunk
from streamsvc.store.records import Claim as Claim
from streamsvc.store.records import Copy as Copy
from streamsvc.store.records import Created as Created
from streamsvc.store.records import JobChange as JobChange
from streamsvc.store.records import JobPage as JobPage
from streamsvc.store.records import JobQuery as JobQuery
from streamsvc.store.records import JobRecord as JobRecord
from streamsvc.store.records import Lease as Lease
from streamsvc.store.records import LogLost as LogLost
from streamsvc.store.records import Outside as Outside
from streamsvc.store.records import Scope as Scope
from streamsvc.store.records import Unservable as Unservable
from streamsvc.store.records import WriterCall as WriterCall
from streamsvc.v1 import job_pb2, state_pb2


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

        Raises JobNotFound, JobDeleted, LogCorrupt, StoreUnavailable.
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
        """Create `job` with its first events and a lease for the caller, in one step; announce it.

        `job.id` is the claim. A repeat with the same `digest` of the request finds the job as it stands. `outside`
        marks a job of other processes, and `claim` is what its holder calls itself; with a `ttl` of 0 it has none, and
        waits as if it had been given away.

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

    async def changed_since(self, scope: Scope, token: str) -> Changes:
        """Return the jobs of `scope` that are new or changed since `token`, and those that are gone since.

        Without a token: those that are open. That a job was forgotten in time may be told no sooner than the next
        call of `abandoned`. Raises StoreUnavailable.
        """
        ...

    async def claim(self, owner: str, conversation_id: str, job_id: str, *, over: str) -> str:
        """Let `job_id` hold a conversation if `over` holds it now (empty: nobody). Returns who holds it after that.

        An empty `job_id` lets go. Nothing is said of whether the jobs exist. Raises StoreUnavailable.
        """
        ...

    def watch_jobs(self, scope: Scope) -> AbstractAsyncContextManager[AsyncIterator[JobChange]]:
        """Hear of jobs that are new, changed or gone. May skip, repeat or lose. Live once entered."""
        ...


class Leases(Protocol):
    """Who writes what. Time is the store's own; only durations cross this interface."""

    async def acquire(self, job_id: str, ttl: timedelta, *, claim: Claim | None = None) -> Acquired:
        """Become the writer of a job whose lease has run out or was released: a higher fence, a new epoch.

        The old epoch goes into the chain with the last offset found. A job of other processes is theirs for its grace:
        until then only a `claim` acquires it, unless somebody asked it to stop. A repeated claim changes nothing but
        the end of the lease.

        Raises LeaseHeld (with the time left), LogClosed, JobNotFound, JobDeleted, StoreUnavailable.
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

    async def abandoned(self, *, released: bool = False) -> Sequence[str]:
        """Return ids of open jobs that nobody holds a lease on, with `released` only of those that were given away.

        Jobs of other processes are among them when their grace is over. Raises StoreUnavailable.
        """
        ...

    async def waiting(self, producer: str, *, released: bool = False) -> Sequence[str]:
        """Return ids of some open jobs of a producer outside the service that may be claimed, longest waiting first.

        With `released` only of those that were given away, or never held. Raises StoreUnavailable.
        """
        ...

    async def claimed(self, name: str) -> str:
        """Return the job that a claim of this name got or was about to get, empty if it is not known (any more).

        It is remembered for as long as the lease lasts. Raises StoreUnavailable.
        """
        ...

    def watch_calls(self) -> AbstractAsyncContextManager[AsyncIterator[WriterCall]]:
        """Hear of each job that is asked to stop or given away. May skip, repeat or lose. Live once entered."""
        ...


class Store(EventLog, JobTable, Leases, Protocol):
    """All three."""
