"""Writers of jobs, for tests of stores: they say texts, and remember all that a living writer would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from streamsvc import codec
from streamsvc.log import START, Batch, Chain, Cursor
from streamsvc.store.base import Acquired, Chunk, Copy, Lease, Store
from streamsvc.v1 import content_pb2, job_pb2, state_pb2
from tests.support.stores import StoreUnderTest
from tests.support.strategies import delta

JOB = "0" * 31 + "1"
OTHER = "0" * 31 + "2"
REQUEST = b"the request"
DIGEST = b"digest of the request"
EVERYTHING = 1 << 30
BEGAN_MS = 1_790_000_000_000


def a_job(sut: StoreUnderTest, job_id: str = JOB, *, owner: str = "ada", conversation_id: str = "") -> job_pb2.Job:
    """Return a job as it is before it is created."""
    job = job_pb2.Job(id=job_id, owner=owner, conversation_id=conversation_id, status=job_pb2.JOB_STATUS_PENDING)
    job.retention.FromTimedelta(sut.times.retention)
    job.create_time.FromMilliseconds(BEGAN_MS)
    return job


def frames(after: int, *texts: str) -> bytes:
    """Return the frames of `texts`, one event each."""
    return codec.encode([delta("text", 0, text) for text in texts], after)


def batch(epoch: str, after: int, *texts: str) -> Batch:
    """Return a batch of `texts`, one event each."""
    last = after + len(texts)
    return Batch(epoch, after, frames(after, *texts), last, BEGAN_MS + 1000 * last)


def texts_of(data: bytes) -> list[str]:
    """Return the texts that frames hold."""
    return [event.text_delta.text for event in codec.decode(data)]


def state_at(offset: int, *texts: str) -> state_pb2.JobState:
    """Return a state that says what it stands for."""
    part = content_pb2.ContentPart(text=content_pb2.TextPart(text=" ".join(texts)))
    return state_pb2.JobState(offset=offset, parts=[part])


async def read_all(store: Store, job_id: str = JOB, cursor: Cursor = START) -> Chunk:
    """Read a log to its end."""
    return await store.read(job_id, cursor, max_bytes=EVERYTHING)


@dataclass
class Writer:
    """Holds a lease, and what it was answered. `said` are the texts of the events 1 to `last`."""

    store: Store
    lease: Lease
    job: job_pb2.Job
    chain: Chain = ()
    said: list[str] = field(default_factory=list)
    request: bytes = REQUEST
    notes: bytes = b""

    @property
    def last(self) -> int:
        """Offset of the last event that was acknowledged."""
        return len(self.said)

    @property
    def cursor(self) -> Cursor:
        """The cursor of a reader who has all that was said."""
        return Cursor(self.lease.epoch, self.last)

    def next_batch(self, *texts: str) -> Batch:
        """Return the batch that follows what was acknowledged."""
        return batch(self.lease.epoch, self.last, *texts)

    async def say(self, *texts: str, notes: bytes | None = None) -> Batch:
        """Append `texts` as one batch."""
        said = self.next_batch(*texts)
        self.lease = await self.store.append(self.lease, said, notes=notes)
        self.said += texts
        return said

    async def end(self, status: job_pb2.JobStatus.ValueType = job_pb2.JOB_STATUS_COMPLETED) -> Batch:
        """Append the final event."""
        final = self.next_batch("the end")
        self.lease = await self.store.append(self.lease, final, job=self.job_with(status))
        self.job = self.job_with(status)
        self.said.append("the end")
        return final

    def job_with(self, status: job_pb2.JobStatus.ValueType) -> job_pb2.Job:
        """Return the job with another status."""
        job = job_pb2.Job()
        job.CopyFrom(self.job)
        job.status = status
        return job

    def copy(self, after: int = 0) -> Copy:
        """Return what a living writer puts back: a state at `after`, and the frames after it."""
        return Copy(
            job=self.job,
            chain=self.chain,
            state=state_at(after, *self.said[:after]) if after else None,
            after=after,
            frames=frames(after, *self.said[after:]),
            last=self.last,
            time_ms=BEGAN_MS + 1000 * self.last,
            digest=DIGEST,
            request=self.request,
            notes=self.notes,
        )


async def begin(
    sut: StoreUnderTest, *texts: str, job_id: str = JOB, owner: str = "ada", epoch: str = "first"
) -> Writer:
    """Create a job; its first batch says `texts`, or "begun"."""
    said = texts or ("begun",)
    job = a_job(sut, job_id, owner=owner)
    created = await sut.store.create(job, REQUEST, batch(epoch, 0, *said), digest=DIGEST, ttl=sut.times.ttl)
    assert created.lease is not None
    return Writer(sut.store, created.lease, job, said=[*said])


async def take_over(sut: StoreUnderTest, job_id: str = JOB) -> Writer:
    """Let the present lease run out, and become the writer."""
    await sut.advance(sut.times.ttl * 1.1)
    return await acquired(sut.store, await sut.store.acquire(job_id, sut.times.ttl))


async def acquired(store: Store, taken: Acquired) -> Writer:
    """Return the writer that an acquire made, with all that the log says."""
    chunk = await read_all(store, taken.lease.job_id)
    job = taken.record.job
    return Writer(store, taken.lease, job, taken.record.chain, texts_of(chunk.frames), taken.request, taken.notes)


async def unchanged(writer: Writer) -> None:
    """Check that the log holds what the writer was acknowledged, and no more."""
    chunk = await read_all(writer.store, writer.lease.job_id)
    assert (texts_of(chunk.frames), chunk.end) == (writer.said, writer.last)
    assert (await writer.store.get(writer.lease.job_id)).job.last_offset == writer.last


def with_fence(lease: Lease, fence: int) -> Lease:
    """Return a lease under another fence."""
    return replace(lease, fence=fence)


def numbers(first: int, last: int) -> Sequence[str]:
    """Return texts to tell events apart."""
    return [f"t{number}" for number in range(first, last + 1)]
