"""One StreamJob call: it owns a cursor and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto

from streamsvc import codec
from streamsvc.errors import JobNotFound, StoreUnavailable
from streamsvc.jobs.pulse import Pulse
from streamsvc.jobs.tail import Tail
from streamsvc.log import Cursor
from streamsvc.principal import Principal
from streamsvc.store.base import Store, Unservable

JOIN_BYTES = 64 * 1024
"""How much is joined into one message."""

HEARTBEAT = b""
"""A response that says nothing: the job is not known yet."""


class CatchUp(Enum):
    """How to bring a reader up to date: by every event, by one state, or not at all."""

    REPLAY = auto()
    SNAPSHOT = auto()
    SKIP = auto()


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a reader waits for a job that is missing, and for a store that does not answer.

    `pause` lies between two looks.
    """

    missing: float
    outage: float
    pause: float


class Reader:
    """Yields the bytes of StreamJobResponses from `cursor` to the final event.

    Catching up and following live are one loop, so there is no seam at which an event could be lost or doubled.
    `clock` returns seconds that never go back.
    """

    def __init__(
        self,
        tail: Tail,
        store: Store,
        principal: Principal,
        cursor: Cursor,
        *,
        clock: Callable[[], float],
        patience: Patience,
    ) -> None:
        self._tail = tail
        self._store = store
        self._principal = principal
        self._cursor = cursor
        self._clock = clock
        self._patience = patience
        self._since = clock()  # nothing is served until the store has answered since
        self._told_epoch = ""
        self._told_closed = False
        self._wants_snapshot = False
        self._pause = patience.pause

    async def stream(self, catch_up: CatchUp, pulse: Pulse) -> AsyncIterator[bytes]:
        """Yield messages until the reader has the final event. Raises JobNotFound, StoreUnavailable."""
        self._pause = min(self._patience.pause, pulse.interval)
        async for heartbeat in self._until_served(pulse):
            yield heartbeat
        if catch_up is CatchUp.SKIP:
            self._cursor = self._tail.cursor
        self._wants_snapshot = catch_up is CatchUp.SNAPSHOT or not self._tail.serves(self._cursor)
        yield self._head()
        while not self._at_end():
            if self._may_serve():
                for message in await self._next(pulse):
                    yield message
                    pulse.sent()
            else:
                async for heartbeat in self._until_served(pulse):
                    yield heartbeat
        if not self._told_closed:
            yield self._head()

    async def _next(self, pulse: Pulse) -> Sequence[bytes]:
        """Return what there is to send now, or wait for a change and return a heartbeat if none comes."""
        if self._wants_snapshot or not self._tail.serves(self._cursor):
            return await self._snapshot()
        if self._cursor.offset < self._tail.last:
            message = await self._take()
            return (message,) if message else ()
        return () if await self._changed(pulse) else (self._head(),)

    def _may_serve(self) -> bool:
        """Tell whether the log may be served now. Raises what ends the call."""
        tail, now = self._tail, self._clock()
        if tail.deleted:
            raise JobNotFound.of(tail.job_id)
        if tail.failure is not None:
            raise tail.failure.with_traceback(None)
        if (
            tail.unreachable_since is not None
            and now - max(tail.unreachable_since, self._since) > self._patience.outage
        ):
            raise StoreUnavailable("the store has not answered for too long")
        if tail.answered_at < self._since:
            return False
        if tail.missing_since is not None:
            patience = self._patience.missing if self._cursor.epoch or tail.epoch else 0.0
            if now - max(tail.missing_since, self._since) >= patience:
                raise JobNotFound.of(tail.job_id)
            return False
        if not self._principal.may_read(tail.owner, tail.job_id):
            raise JobNotFound.of(tail.job_id)
        return True

    async def _until_served(self, pulse: Pulse) -> AsyncIterator[bytes]:
        while not self._may_serve():
            if await self._refreshed(pulse.interval) and not self._may_serve():
                await asyncio.sleep(self._pause)
            if pulse.due():
                yield HEARTBEAT
                pulse.sent()

    async def _refreshed(self, timeout: float) -> bool:
        """Have the log read. Returns False if that takes longer than `timeout`."""
        with suppress(StoreUnavailable):
            try:
                async with asyncio.timeout(timeout):
                    await self._tail.refresh()
            except TimeoutError:
                return False
        return True

    async def _changed(self, pulse: Pulse) -> bool:
        future = self._tail.wait()
        try:
            return await pulse.wait(future)
        finally:
            self._tail.forget(future)

    async def _snapshot(self) -> Sequence[bytes]:
        """Return the messages of a snapshot, and move the cursor. None if the store must answer again first."""
        self._wants_snapshot = True
        try:
            cursor, messages = await self._tail.snapshot()
        except (JobNotFound, StoreUnavailable):
            await self._look_again()
            return ()
        self._wants_snapshot = False
        self._cursor, self._told_epoch = cursor, cursor.epoch
        return *messages, self._head()

    async def _take(self) -> bytes:
        """Return the frames after the cursor, and move it. Nothing if the log must be looked at again first."""
        tail = self._tail
        if self._cursor.offset >= tail.base:
            frames, last = tail.read(self._cursor.offset, JOIN_BYTES)
            return self._told(frames, Cursor(tail.epoch, last))
        try:
            chunk = await self._store.read(tail.job_id, self._cursor, max_bytes=JOIN_BYTES)
        except Unservable:
            self._wants_snapshot = True
            return b""
        except (JobNotFound, StoreUnavailable):
            await self._look_again()
            return b""
        if chunk.epoch != tail.epoch or not chunk.frames:
            await self._look_again()
            return b""
        return self._told(chunk.frames, Cursor(chunk.epoch, chunk.last))

    async def _look_again(self) -> None:
        """Serve nothing until the log was read once more: the store and the tail do not agree, or it does not answer.

        Not at once: what the store has lost may take its writer a while to put back.
        """
        await asyncio.sleep(self._pause)
        self._since = self._clock()

    def _told(self, frames: bytes, cursor: Cursor) -> bytes:
        """Return `frames` with what the reader must be told beside them."""
        self._cursor = cursor
        if cursor.epoch != self._told_epoch or self._at_end():
            return frames + self._head()
        return frames

    def _head(self) -> bytes:
        """Return where the log stands; not its epoch, and not that it is closed, if a snapshot must come first.

        A reader's cursor takes over the epoch that it is told. Before a snapshot that would give its old offset a new
        meaning, and one that is ahead of a closed log would take itself for finished.
        """
        tail = self._tail
        served = not self._wants_snapshot and tail.serves(self._cursor)
        epoch = tail.epoch if served and tail.epoch != self._told_epoch else ""
        self._told_epoch = epoch or self._told_epoch
        self._told_closed = tail.closed and served
        return codec.head(epoch=epoch, last_offset=tail.last, closed=self._told_closed)

    def _at_end(self) -> bool:
        tail = self._tail
        return tail.closed and self._cursor.offset == tail.last and tail.serves(self._cursor)
