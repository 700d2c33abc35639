"""The longest silence of a server that owes an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streamsvc.store.redis.wire import Wire

_TICKS = 5


class Silence:
    """Calls `too_long` when nothing came in for about `limit` seconds between `begin` and `end`.

    It counts ticks of one timer: a timer for each answer would cost more than the answer, and a process that was
    stopped for a while takes what has come in meanwhile before it blames the server.
    """

    def __init__(self, limit: float, too_long: Callable[[], None]) -> None:
        self._tick = limit / _TICKS
        self._too_long = too_long
        self._wire: Wire | None = None
        self._received = 0
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, wire: Wire) -> None:
        """From here on an answer is due on `wire`."""
        self._wire, self._received, self._ticks = wire, wire.received, 0
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._tick, self._look)

    def end(self) -> None:
        """Nothing is due any more. The timer ends by itself: the next answer will be due soon."""
        self._wire = None

    def close(self) -> None:
        """End the timer."""
        self._wire = None
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._wire is None:
            return
        if self._wire.received != self._received:
            self._received, self._ticks = self._wire.received, 0
        self._ticks += 1
        if self._ticks > _TICKS:
            self._too_long()
        else:
            self._timer = asyncio.get_running_loop().call_later(self._tick, self._look)
