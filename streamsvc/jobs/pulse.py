"""The longest silence of a stream, watched by one timer that seldom fires."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Pulse:
    """Ends a wait when nothing was sent for `interval` seconds.

    A timer for each wait would cost more than the message that ends it; this one is set again only when it fires.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._loop = asyncio.get_running_loop()
        self._sent = self._loop.time()
        self._waiting: asyncio.Future[bool] | None = None
        self._timer = self._loop.call_later(interval, self._fire)

    def __enter__(self) -> Pulse:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()

    def sent(self) -> None:
        """Take note that something was sent."""
        self._sent = self._loop.time()

    def due(self) -> bool:
        """Tell whether it is time for a heartbeat."""
        return self._loop.time() >= self._sent + self.interval

    async def wait(self, future: asyncio.Future[bool]) -> bool:
        """Wait for `future`. Its result is False if it is time for a heartbeat."""
        self._waiting = future
        try:
            return await future
        finally:
            self._waiting = None

    def _fire(self) -> None:
        left = self._sent + self.interval - self._loop.time()
        if left <= 0 and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(False)
        self._timer = self._loop.call_later(left if left > 0 else self.interval, self._fire)
