"""One job in the memory store: the rules of one log, without time and without other jobs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from streamsvc import codec
from streamsvc.errors import LeaseHeld, LeaseLost, LogClosed, OffsetMismatch, RequestIdReused
from streamsvc.log import Batch, Chain, Cursor, EpochEnd, Frames, serves
from streamsvc.store.records import (
    FINAL,
    Announcement,
    Chunk,
    Claim,
    Copy,
    JobRecord,
    Lease,
    LogLost,
    Outside,
    Unservable,
)
from streamsvc.v1 import job_pb2, state_pb2

OVERHEAD_BYTES = 4096
"""What a job takes beside its bytes."""


@dataclass(slots=True)
class MemoryJob:
    """A job with its log. `lease_end`, `lease_limit` and `expires` are readings of the store's clock, in seconds."""

    job: job_pb2.Job
    frames: Frames
    digest: bytes
    request: bytes
    fence: int
    outside: Outside | None = None
    claim: str = ""
    lease_end: float = 0.0
    lease_limit: float = float("inf")
    expires: float = 0.0
    chain: Chain = ()
    notes: bytes = b""
    newest: tuple[str, int, int] | None = None
    losses: int = 0
    released: bool = False
    cancel_requested: bool = False
    cancel_reason: str = ""
    checkpoint: bytes | None = None
    checkpoint_offset: int = 0
    weighed: int = 0

    @property
    def closed(self) -> bool:
        """Whether the log has its final event."""
        return self.job.status in FINAL

    @property
    def size(self) -> int:
        """Bytes that the job takes, roughly."""
        return OVERHEAD_BYTES + len(self.frames) + len(self.request) + len(self.notes) + len(self.checkpoint or b"")

    def record(self) -> JobRecord:
        """Return a copy of what others may know."""
        return JobRecord(copy_of(self.job), self.chain, self.fence, self.losses, self.cancel_requested, self.outside)

    def found_by(self, digest: bytes) -> JobRecord:
        """Return a copy for a request that is repeated. Raises RequestIdReused if it is another one."""
        if self.digest != digest:
            job_id = self.job.id
            raise RequestIdReused(f"the request_id belongs to job {job_id}, of another request", {"job_id": job_id})
        return self.record()

    def check(self, lease: Lease, last: int) -> None:
        """Let pass only the writer, and only on a log that still has all up to `last`."""
        own = self.job.epoch == lease.epoch
        if self.closed and not (own and self.job.last_offset == last):
            raise self._is_closed()
        if self.fence < lease.fence:
            raise LogLost
        if self.fence > lease.fence or not own:
            raise self._has_changed_hands()
        if self.job.last_offset < last:
            raise LogLost

    def append(self, lease: Lease, batch: Batch, job: job_pb2.Job | None, notes: bytes | None) -> bool:
        """Append; see `store.base.EventLog.append`. Returns False for a repeat of the newest batch."""
        step = (batch.epoch, batch.after, batch.last)
        if self.newest == step:
            return False
        self.check(lease, batch.after)
        last = self.job.last_offset
        if self.closed:
            raise self._is_closed()
        if last > batch.after:
            message = f"the log ends at offset {last}, and the batch follows {batch.after}"
            raise OffsetMismatch(message, {"last_offset": str(last), "after_offset": str(batch.after)})
        self.frames.append(batch.frames, batch.last)
        self.newest = step
        if notes is not None:
            self.notes = notes
        self._advance(job or self.job, lease.epoch, batch.last, batch.time_ms)
        return True

    def granted(self, lease: Lease) -> Lease:
        """Return a lease as it stands."""
        return replace(lease, cancel_requested=self.cancel_requested, cancel_reason=self.cancel_reason)

    def announced(self, after: int, frames: bytes) -> Announcement:
        """Return the word of an append of the newest events."""
        return Announcement(self.job.epoch, after, self.job.last_offset, self.closed, frames)

    def read(self, cursor: Cursor, max_bytes: int) -> Chunk:
        """Judge the cursor and read; see `store.base.EventLog.read`."""
        end, offset = self.job.last_offset, cursor.offset
        ahead_of_closed = self.closed and offset > end
        if ahead_of_closed or offset < self.frames.base or not serves(cursor, self.job.epoch, self.chain):
            raise Unservable
        frames, last = self.frames.read(offset, max_bytes) if offset < end else (b"", offset)
        return Chunk(self.job.epoch, self.chain, offset, frames, last, end, self.closed)

    def keep(self, state: state_pb2.JobState, *, trim: bool) -> None:
        """Keep a checkpoint, and with `trim` forget the events that it covers."""
        # A late call must not put an older state in the place of a newer one: the events between may be trimmed.
        if state.offset >= self.checkpoint_offset:
            self._keep(state, self.job.epoch)
        if trim:
            self.frames.trim_to_offset(state.offset)

    def free_at(self, claim: Claim | None = None) -> float:
        """Return when the job may be acquired: so by the store's clock, in seconds."""
        if claim is not None:
            return 0.0 if claim.seizes else self.lease_end
        waits = self.outside is not None and not self.cancel_requested
        return self.lease_end + (self.outside.claim_grace.total_seconds() if waits and self.outside else 0.0)

    def waits_for(self, producer: str, now: float) -> bool:
        """Tell whether a process that calls itself so may claim the job."""
        return self.outside is not None and self.job.producer == producer and self.lease_end <= now

    def acquire(self, epoch: str, ttl: timedelta, claim: Claim | None, now: float) -> None:
        """Change hands, unless a claim is repeated; see `store.base.Leases.acquire`."""
        if self.closed:
            raise self._is_closed()
        if claim is None or not claim.name or claim.name != self.claim:
            if (left := self.free_at(claim) - now) > 0:
                wait = timedelta(seconds=left)
                raise LeaseHeld("another producer writes the job", {"job_id": self.job.id}, retry_after=wait)
            self._hand_to(epoch)
        self.claim = claim.name if claim else ""
        self.outside = self.outside and replace(self.outside, lease_ttl=ttl)

    def request_cancel(self, reason: str, now: float) -> None:
        """Take note of a cancel. A writer outside the service that does not answer it loses the lease."""
        self.cancel_requested, self.cancel_reason = True, reason
        if self.outside is not None:
            self.lease_limit = now + self.outside.cancel_grace.total_seconds()
            self.lease_end = min(self.lease_end, self.lease_limit)

    def _hand_to(self, epoch: str) -> None:
        """Begin a new epoch: the old one is recorded with the last offset found."""
        self.chain = (*self.chain, EpochEnd(self.job.epoch, self.job.last_offset))
        self.losses += not self.released
        self.released = False
        self.fence += 1
        self.job.epoch = epoch

    def restore(self, lease: Lease, copy: Copy) -> bool:
        """Take back what was lost; see `store.base.EventLog.restore`. Returns False if nothing was."""
        if self.closed:
            raise self._is_closed()
        # After a loss two writers may have been given the same fence; only the epoch tells them apart.
        if self.fence > lease.fence or (self.fence == lease.fence and self.job.epoch != lease.epoch):
            raise self._has_changed_hands()
        last = self.job.last_offset
        if self.fence == lease.fence and last >= copy.last:
            return False
        # What the own fence left behind is the beginning of what its only writer has.
        if self.fence == lease.fence and last >= copy.after:
            self.frames.append(codec.after(copy.frames, last), copy.last)
        else:
            self.frames = Frames(copy.after)
            self.frames.append(copy.frames, copy.last)
            self.checkpoint, self.checkpoint_offset = None, 0
            if copy.state is not None:
                self._keep(copy.state, lease.epoch)
        self.chain, self.fence, self.newest, self.released = copy.chain, lease.fence, None, False
        self.request, self.notes = copy.request, copy.notes
        self.losses = max(self.losses, copy.losses)
        self._advance(copy.job, lease.epoch, copy.last, copy.time_ms)
        return True

    def _keep(self, state: state_pb2.JobState, epoch: str) -> None:
        kept = state_pb2.JobState()
        kept.CopyFrom(state)
        kept.job.epoch = epoch
        self.checkpoint, self.checkpoint_offset = kept.SerializeToString(), kept.offset

    def _advance(self, job: job_pb2.Job, epoch: str, last: int, time_ms: int) -> None:
        self.job = copy_of(job)
        self.job.epoch = epoch
        self.job.last_offset = last
        self.job.update_time.FromMilliseconds(time_ms)
        if self.closed:
            self.request = self.notes = b""

    def _has_changed_hands(self) -> LeaseLost:
        job_id, last = self.job.id, self.job.last_offset
        return LeaseLost(f"job {job_id} has changed hands", {"job_id": job_id, "last_offset": str(last)})

    def _is_closed(self) -> LogClosed:
        last = self.job.last_offset
        return LogClosed(f"the log ended with its final event at offset {last}", {"last_offset": str(last)})


def copy_of(job: job_pb2.Job) -> job_pb2.Job:
    """Return a copy of `job`."""
    copied = job_pb2.Job()
    copied.CopyFrom(job)
    return copied
