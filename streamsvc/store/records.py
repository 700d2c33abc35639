"""What a store gives and takes: jobs as it knows them, stretches of their logs, pages, changes, and two refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from streamsvc.log import Chain
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
class Outside:
    """The mark of a job that processes outside the service write (docs/adr/0010-jobs-of-others.md).

    `claim_grace` is how long it waits for a claim once its lease has ended, `cancel_grace` how long its writer may take
    to answer a cancel, `lease_ttl` what each renewal prolongs the present lease by.
    """

    claim_grace: timedelta
    cancel_grace: timedelta
    lease_ttl: timedelta


@dataclass(frozen=True, slots=True)
class Claim:
    """How a process outside the service asks for a job.

    A claim of the `name` that the holder has is a repeat, and gets the lease that it has; one without a name is never a
    repeat. `seizes`: it fences a holder whose lease has not ended, too.
    """

    name: str = ""
    seizes: bool = False


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the store knows it, a copy: `job` with its epoch, last offset and update time as of now.

    `losses` counts the takeovers after a lease that ran out; hand-overs are not among them. `outside` is None for a job
    that runners write.
    """

    job: job_pb2.Job
    chain: Chain
    fence: int
    losses: int = 0
    cancel_requested: bool = False
    outside: Outside | None = None

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
    `losses` are those the writer found when it became one.
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
    losses: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """Which jobs are meant: all of an owner, or those of one of its conversations."""

    owner: str
    conversation_id: str | None = None

    def covers(self, job: job_pb2.Job) -> bool:
        """Tell whether `job` is meant."""
        return self.owner == job.owner and self.conversation_id in (None, job.conversation_id)


@dataclass(frozen=True, slots=True)
class JobQuery:
    """A page of jobs, newest first by `create_time`, then by id. `page_token` comes from the page before it."""

    scope: Scope
    statuses: frozenset[int] = frozenset()
    page_size: int = 50
    page_token: str = ""

    def wants(self, job: job_pb2.Job) -> bool:
        """Tell whether `job` belongs on a page of this query."""
        return self.scope.covers(job) and (not self.statuses or job.status in self.statuses)


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, and the token of the next page: empty on the last one."""

    jobs: Sequence[job_pb2.Job]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What has become of jobs since a token: those new or changed, the ids of those gone, and the token from here on.

    `reset`: the token could not be served, and `jobs` are those that are open.
    """

    jobs: Sequence[job_pb2.Job]
    removed: Sequence[str]
    token: str
    reset: bool = False


@dataclass(frozen=True, slots=True)
class JobChange:
    """A job that is new or changed, or (`job` is None) one that was deleted or forgotten."""

    job_id: str
    job: job_pb2.Job | None


@dataclass(frozen=True, slots=True)
class WriterCall:
    """Word to those who write jobs: one is asked to stop, or (`released`) was given away to whoever takes it.

    With the name of a `producer` outside the service it waits to be claimed.
    """

    job_id: str
    cancel_reason: str = ""
    released: bool = False
    producer: str = ""
