"""Between a producer and its runner: what was said and is not yet written, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from streamsvc.v1 import event_pb2

MAX_EVENTS = 256
MAX_BYTES = 1024 * 1024


class Intake:
    """Gathers events while the last append is under way. A full intake makes the producer wait.

    One producer puts, one writer takes. After `end` nothing more is taken in.
    """

    def __init__(self) -> None:
        self._events: list[event_pb2.Event] = []
        self._bytes = 0
        self._ended = False
        self._final: event_pb2.Event | None = None
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def ended(self) -> bool:
        """Whether it is known how this ends."""
        return self._ended

    def put(self, event: event_pb2.Event) -> bool:
        """Take in an event. Returns False if the intake is full now: the next one must wait for `room`.

        No coroutine: for each event, that would cost as much again as all else here.
        """
        if self._ended:
            return True
        if not self._events:
            self._arrived.set()
        self._events.append(event)
        self._bytes += event.ByteSize()
        if len(self._events) < MAX_EVENTS and self._bytes < MAX_BYTES:
            return True
        self._full.set()
        self._room.clear()
        return False

    async def room(self) -> None:
        """Wait while the intake is full."""
        await self._room.wait()

    def end(self, final: event_pb2.Event | None) -> None:
        """Say how the job ends, or with None that another writer goes on with it. The first word counts."""
        if not self._ended:
            self._ended, self._final = True, final
            self._arrived.set()
            self._full.set()

    async def arrived(self) -> None:
        """Wait until there is something to take."""
        await self._arrived.wait()

    async def filled(self, timeout: float) -> None:
        """Wait until the intake is full or ended, but at most `timeout` seconds."""
        if not self._full.is_set():
            try:
                async with asyncio.timeout(timeout):
                    await self._full.wait()
            except TimeoutError:
                pass

    def take(self) -> tuple[Sequence[event_pb2.Event], event_pb2.Event | None]:
        """Return all that has arrived, and the final event once everything else was taken with it."""
        events, self._events, self._bytes = self._events, [], 0
        if not self._ended:
            self._arrived.clear()
            self._full.clear()
        self._room.set()
        return events, self._final
