"""Would-be writers of the state machine: each holds one lease, lives by the rules, and may be late, stale or wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamsvc.log import Batch, Chain
from streamsvc.store.base import Copy, Lease
from streamsvc.v1 import job_pb2
from tests.support.laws import FINAL, label
from tests.support.pair import Side
from tests.support.writing import BEGAN_MS, REQUEST, frames, state_at


@dataclass(frozen=True)
class Sent:
    """A batch as it was sent: frozen, whatever became of it."""

    after: int
    texts: tuple[str, ...]
    notes: bytes | None

    @property
    def last(self) -> int:
        """Offset of its last event."""
        return self.after + len(self.texts)

    @property
    def final(self) -> bool:
        """Whether it closes the log."""
        return self.texts[-1].endswith(FINAL)


@dataclass
class Hand:
    """A writer: its lease under shared names, and what it was answered.

    `history` are the events 1 to `last` that it knows to be stored. `pending` is a batch whose outcome it does not
    know: until it does, it writes no other. `marks` are the offsets at which it ever stood.
    """

    lease: Lease
    job: job_pb2.Job
    chain: Chain
    history: list[str]
    notes: bytes
    granted_at: float
    digest: bytes
    pending: Sent | None = None
    stopped: bool = False
    sent: list[Sent] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.marks.append(self.last)

    @property
    def job_id(self) -> str:
        """The job that is written."""
        return self.lease.job_id

    @property
    def last(self) -> int:
        """Offset of the last event that was acknowledged."""
        return len(self.history)

    @property
    def ended(self) -> bool:
        """Whether the final event was acknowledged."""
        return self.history[-1].endswith(FINAL)

    def next(self, count: int, serial: int, *, final: bool, notes: bytes | None) -> Sent:
        """Return the batch to send: the one of unknown outcome, or a new one."""
        if self.pending is None:
            numbers = range(serial, serial + count)
            texts = tuple(label(self.lease.epoch, n, final=final and n == numbers[-1]) for n in numbers)
            self.pending = Sent(self.last, texts, notes)
            self.sent.append(self.pending)
        return self.pending

    def acknowledged(self, sent: Sent, now: float) -> None:
        """Take note that the pending batch is stored."""
        self.history += sent.texts
        self.marks.append(self.last)
        if sent.notes is not None:
            self.notes = sent.notes
        self.pending, self.granted_at = None, now

    def granted(self, now: float) -> None:
        """Take note that the lease was renewed. After the final event its time runs out: what is kept is let go."""
        if not self.ended:
            self.granted_at = now

    def batch(self, side: Side, sent: Sent) -> Batch:
        """Return a batch as it goes to a store."""
        data = frames(sent.after, *sent.texts)
        return Batch(side.epoch(self.lease.epoch), sent.after, data, sent.last, BEGAN_MS + sent.last)

    def job_after(self, texts: tuple[str, ...]) -> job_pb2.Job:
        """Return the job as the log leaves it that ends with `texts`."""
        job = job_pb2.Job()
        job.CopyFrom(self.job)
        job.status = job_pb2.JOB_STATUS_COMPLETED if texts[-1].endswith(FINAL) else job_pb2.JOB_STATUS_RUNNING
        return job

    def copy(self, side: Side, after: int, last: int) -> Copy:
        """Return what this writer would put back when it stood at `last`, with a state at `after`."""
        known = self.history[:last]
        return Copy(
            job=self.job_after(tuple(known)),
            chain=side.chain(self.chain),
            state=state_at(after, *known[:after]) if after else None,
            after=after,
            frames=frames(after, *known[after:]),
            last=last,
            time_ms=BEGAN_MS + last,
            digest=self.digest,
            request=REQUEST,
            notes=self.notes,
        )
