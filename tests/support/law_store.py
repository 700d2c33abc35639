"""The one store that all instances share: calls take effect one after the other, and what it holds is looked at."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from streamsvc.errors import JobNotFound, StreamsvcError
from streamsvc.log import START, Cursor
from streamsvc.store.base import Announcement, LogLost, Unservable, WriterCall
from streamsvc.v1 import state_pb2
from tests.support.law_ledger import Ledger, Stored

T = TypeVar("T")

EVERYTHING = 1 << 30
CHANGING = frozenset(
    {"append", "create", "acquire", "restore", "checkpoint", "release", "request_cancel", "delete"},
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to: a value, or an error."""

    value: Any = None
    error: Exception | None = None


class Behind(Protocol):
    """A store, and what it takes to run it: its calls are answered before the virtual time goes on."""

    store: Any

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` comes to."""
        ...

    async def heard(self) -> None:
        """Return once everything is heard that was announced so far."""
        ...

    async def lose(self, job_id: str, to_offset: int, fence: int) -> None:
        """See `StoreUnderTest.lose`."""
        ...

    async def restart_empty(self) -> None:
        """Lose everything."""
        ...

    def listen(self, tell: Callable[[Announcement | WriterCall], None]) -> None:
        """Begin to hear what is announced."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class SharedStore:
    """Takes calls for `behind`. All that it announces goes to `tell`; `ledger` looks at the job after each change."""

    def __init__(self, behind: Behind, ledger: Ledger, tell: Callable[[Announcement | WriterCall], None]) -> None:
        self._behind = behind
        self._ledger = ledger
        behind.listen(tell)

    @property
    def has_lost(self) -> bool:
        """Whether it has ever lost something."""
        return self._ledger.losses > 0

    def call(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Outcome:
        """Let a call take effect. An error that no caller expects is a bug, and raised."""
        if name == "hello":
            return Outcome()
        outcome = self._behind.run(self._take(name, arguments, named))
        if name in CHANGING:
            self._look()
        return outcome

    def lose(self, events: int, fences: int) -> None:
        """Go back by so many events and changes of hands, behind a deletion if there is one."""
        stored = self._behind.run(self._stored())
        to_offset, fence = EVERYTHING, EVERYTHING
        if stored.record is not None:
            to_offset = max(1, stored.record.job.last_offset - events)
            fence = max(1, stored.record.fence - fences)
        self._behind.run(self._behind.lose(self._ledger.job_id, to_offset, fence))
        self._lost()

    def restart_empty(self) -> None:
        """Lose everything."""
        self._behind.run(self._behind.restart_empty())
        self._lost()

    def close(self) -> None:
        """Let go of the store."""
        self._behind.close()

    def _lost(self) -> None:
        self._ledger.lost()
        self._look()

    def _look(self) -> None:
        self._ledger.look(self._behind.run(self._stored()))

    async def _take(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Outcome:
        self._ledger.asked(name, arguments)
        try:
            outcome = Outcome(await getattr(self._behind.store, name)(*arguments, **named))
        except (StreamsvcError, LogLost, Unservable) as error:
            outcome = Outcome(error=error)
        else:
            self._ledger.granted(name, arguments, named)
        await self._behind.heard()
        return outcome

    async def _stored(self) -> Stored:
        """Read all that the store holds of the job."""
        store, job_id = self._behind.store, self._ledger.job_id
        try:
            record = await store.get(job_id)
            cursor, checkpoint = START, await store.read_checkpoint(job_id)
            try:
                chunk = await store.read(job_id, START, max_bytes=EVERYTHING)
            except Unservable:
                assert isinstance(checkpoint, state_pb2.JobState), "a log is trimmed, and no checkpoint covers that"
                cursor = Cursor(record.job.epoch, checkpoint.offset)
                chunk = await store.read(job_id, cursor, max_bytes=EVERYTHING)
        except JobNotFound:
            return Stored()
        return Stored(record, cursor.offset, chunk.frames, checkpoint)
