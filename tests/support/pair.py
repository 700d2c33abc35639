"""Two stores that must answer alike: asked the same things, compared without regard to what they call an epoch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from streamsvc.errors import StreamsvcError
from streamsvc.log import START, Chain, Cursor, EpochEnd
from streamsvc.store.base import Acquired, Chunk, Created, JobRecord, Lease, LogLost, Unservable
from streamsvc.v1 import job_pb2, state_pb2
from tests.support.stores import StoreUnderTest
from tests.support.writing import EVERYTHING, texts_of


@dataclass(frozen=True)
class Refused:
    """An answer that is an error: its class, and where it says that the log ends."""

    error: type[Exception]
    last_offset: str = ""


class Side:
    """One of the stores. Epochs go in and out under names that both sides share."""

    def __init__(self, sut: StoreUnderTest) -> None:
        self.sut = sut
        self.store = sut.store
        self._names: dict[str, str] = {}
        self._epochs: dict[str, str] = {}

    def learn(self, name: str, epoch: str) -> None:
        """Call `epoch` by `name` from here on."""
        self._names[epoch], self._epochs[name] = name, epoch

    def epoch(self, name: str) -> str:
        """Return the epoch that this store calls so."""
        return self._epochs.get(name, name)

    def lease(self, lease: Lease) -> Lease:
        """Return a lease as this store granted it."""
        return replace(lease, epoch=self.epoch(lease.epoch))

    def chain(self, chain: Chain) -> Chain:
        """Return a chain as this store wrote it."""
        return tuple(EpochEnd(self.epoch(end.epoch), end.last) for end in chain)

    async def read(self, job_id: str, cursor: Cursor, max_bytes: int) -> Chunk:
        """Read from a cursor."""
        return await self.store.read(job_id, Cursor(self.epoch(cursor.epoch), cursor.offset), max_bytes=max_bytes)

    async def answer(self, call: Callable[[Side], Awaitable[object]]) -> object:
        """Return what the store answers, or how it refuses."""
        try:
            return self._shared(await call(self))
        except (LogLost, Unservable) as refusal:
            return Refused(type(refusal))
        except StreamsvcError as error:
            return Refused(type(error), error.metadata.get("last_offset", ""))

    def _shared(self, answer: object) -> object:
        """Return an answer with epochs under their shared names, and lists in one order."""
        match answer:
            case Lease():
                return replace(answer, epoch=self._name(answer.epoch))
            case JobRecord():
                return replace(answer, job=self._job(answer.job), chain=self._chain(answer.chain))
            case Created(record=record, lease=lease):
                return Created(self._record(record), lease and replace(lease, epoch=self._name(lease.epoch)))
            case Acquired(lease=lease, record=record):
                return replace(answer, lease=replace(lease, epoch=self._name(lease.epoch)), record=self._record(record))
            case Chunk():
                return replace(answer, epoch=self._name(answer.epoch), chain=self._chain(answer.chain))
            case job_pb2.Job():
                return self._job(answer)
            case state_pb2.JobState():
                state = state_pb2.JobState()
                state.CopyFrom(answer)
                state.job.epoch = self._name(answer.job.epoch)
                return state
            case list():
                return sorted((self._shared(item) for item in answer), key=str)
        return answer

    def _name(self, epoch: str) -> str:
        return self._names.get(epoch, epoch)

    def _chain(self, chain: Chain) -> Chain:
        return tuple(EpochEnd(self._name(end.epoch), end.last) for end in chain)

    def _job(self, job: job_pb2.Job) -> job_pb2.Job:
        copied = job_pb2.Job()
        copied.CopyFrom(job)
        copied.epoch = self._name(job.epoch)
        return copied

    def _record(self, record: JobRecord) -> JobRecord:
        return replace(record, job=self._job(record.job), chain=self._chain(record.chain))


class Pair:
    """The store under test, and the memory store beside it."""

    def __init__(self, subject: StoreUnderTest, reference: StoreUnderTest) -> None:
        self.sides: Sequence[Side] = (Side(subject), Side(reference))

    async def answers(self, call: Callable[[Side], Awaitable[object]]) -> Sequence[object]:
        """Ask both."""
        return [await side.answer(call) for side in self.sides]

    async def ask(self, call: Callable[[Side], Awaitable[object]]) -> object:
        """Ask both, who must answer alike, and return the answer."""
        subject, reference = await self.answers(call)
        assert subject == reference
        return subject

    async def history(self, job_id: str) -> list[str]:
        """Return the texts of all that a log ever said, from its checkpoint on if it was trimmed."""
        chunk = await self.ask(lambda side: side.read(job_id, START, EVERYTHING))
        if isinstance(chunk, Chunk):
            return texts_of(chunk.frames)
        assert chunk == Refused(Unservable)
        state = await self.ask(lambda side: side.store.read_checkpoint(job_id))
        assert isinstance(state, state_pb2.JobState)
        cursor = Cursor(state.job.epoch, state.offset)
        chunk = await self.ask(lambda side: side.read(job_id, cursor, EVERYTHING))
        assert isinstance(chunk, Chunk)
        before = state.parts[0].text.text.split(" ")
        assert len(before) == state.offset
        return [*before, *texts_of(chunk.frames)]
