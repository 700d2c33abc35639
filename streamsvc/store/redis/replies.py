"""What the scripts reply, in the words of the store: records, refusals, announcements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from streamsvc.errors import (
    JobDeleted,
    JobNotFound,
    LeaseHeld,
    LeaseLost,
    LogClosed,
    OffsetMismatch,
    RequestIdReused,
)
from streamsvc.log import Batch, Chain, EpochEnd
from streamsvc.store.records import FINAL, Announcement, JobRecord, Lease, LogLost, Outside
from streamsvc.store.redis.link import Reply
from streamsvc.v1 import job_pb2

_DELETION = Announcement("", 0, 0, False, b"", deleted=True)
SOMETHING = Announcement("", 0, 0, False, b"")
"""Word that something may have been missed: it fits no log, so the log is read."""


def milliseconds(duration: timedelta) -> int:
    """Return a duration in whole milliseconds."""
    return duration // timedelta(milliseconds=1)


def accepted(job_id: str, reply: Reply) -> Reply:
    """Return a reply that is no refusal, and raise what a refusal means."""
    if isinstance(reply, list) and isinstance(reply[0], bytes) and (refuse := _REFUSALS.get(reply[0])):
        raise refuse(job_id, reply[1] if len(reply) > 1 else 0)
    return reply


def granted(lease: Lease, reply: Reply) -> Lease:
    """Return the lease as it stands after a reply to its holder: nil, a number, or why a cancel was asked for."""
    accepted(lease.job_id, reply)
    if isinstance(reply, bytes):
        return replace(lease, cancel_requested=True, cancel_reason=reply.decode())
    return replace(lease, cancel_requested=False, cancel_reason="")


def record(reply: Sequence[Reply]) -> JobRecord:
    """Return the job of a reply that begins as that of get.lua."""
    message, epoch, last, time, chain, fence, losses, cancel, outside = reply[:9]
    job = placed(message, epoch.decode(), int(last), int(time))
    mark = None if outside is None else outside_of(outside)
    return JobRecord(job, chain_of(chain), int(fence), int(losses), cancel is not None, mark)


def placed(message: bytes, epoch: str, last: int, time_ms: int) -> job_pb2.Job:
    """Return a Job with its place in the log."""
    job = job_pb2.Job.FromString(message)
    job.epoch, job.last_offset = epoch, last
    job.update_time.FromMilliseconds(time_ms)
    return job


def chain_of(packed: bytes) -> Chain:
    """Return a chain that `pack_chain` packed."""
    ends = (line.partition(" ") for line in packed.decode().split("\n") if line)
    return tuple(EpochEnd(epoch, int(last)) for last, _, epoch in ends)


def outside_of(packed: bytes) -> Outside:
    """Return a mark that `pack_outside` packed."""
    return Outside(*(timedelta(milliseconds=int(number)) for number in packed.split(b" ")))


def pack_outside(outside: Outside | None) -> bytes:
    """Return a mark as three numbers of milliseconds, and none as nothing."""
    if outside is None:
        return b""
    return b"%d %d %d" % tuple(map(milliseconds, (outside.claim_grace, outside.cancel_grace, outside.lease_ttl)))


def pack_chain(chain: Chain) -> bytes:
    """Return a chain as lines of a last offset and an epoch."""
    return "\n".join(f"{end.last} {end.epoch}" for end in chain).encode()


def announcement(message: bytes | None) -> Announcement:
    """Return what was said on a job's channel."""
    if message is None:
        return SOMETHING
    if not message:
        return _DELETION
    head, _, frames = message.partition(b"\n")
    after, last, closed, epoch = head.split(b" ", 3)
    if not frames:
        return SOMETHING
    return Announcement(epoch.decode(), int(after), int(last), closed == b"1", frames)


def given_away(found: JobRecord) -> bytes:
    """Return how writers are told of a job that was given away: with its producer if that is outside the service."""
    return f"{found.job.id}@{found.job.producer}".encode() if found.outside else found.job.id.encode()


def closes(job: job_pb2.Job) -> bytes:
    """Return for how long a job is kept that ends with this, in milliseconds; nothing if it does not end."""
    return b"%d" % milliseconds(job.retention.ToTimedelta()) if job.status in FINAL else b""


def step(lease: Lease, batch: Batch) -> bytes:
    """Return how append.lua and change.lua are told of a batch."""
    numbers = (lease.fence, batch.after, batch.last, milliseconds(lease.ttl), batch.time_ms, batch.epoch.encode())
    return b"%d %d %d %d %d %b" % numbers


def _closed(job_id: str, last: int) -> Exception:
    return LogClosed(f"the log of job {job_id} ended with its final event at offset {last}", {"last_offset": str(last)})


def _changed_hands(job_id: str, last: int) -> Exception:
    return LeaseLost(f"job {job_id} has changed hands", {"job_id": job_id, "last_offset": str(last)})


def _mismatch(job_id: str, last: int) -> Exception:
    return OffsetMismatch(
        f"the log of job {job_id} ends at offset {last}: send what follows it", {"last_offset": str(last)}
    )


def _held(job_id: str, left_ms: int) -> Exception:
    left = timedelta(milliseconds=left_ms)
    return LeaseHeld("another producer writes the job", {"job_id": job_id}, retry_after=left)


def _reused(job_id: str, _: int) -> Exception:
    return RequestIdReused(f"the request_id belongs to job {job_id}, of another request", {"job_id": job_id})


_REFUSALS = {
    b"MISSING": lambda job_id, _: JobNotFound.of(job_id),
    b"DELETED": lambda job_id, _: JobDeleted.of(job_id),
    b"LOST": lambda _job_id, _: LogLost(),
    b"CLOSED": _closed,
    b"FENCED": _changed_hands,
    b"MISMATCH": _mismatch,
    b"HELD": _held,
    b"REUSED": _reused,
}
