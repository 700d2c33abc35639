"""An end for a reader that leaves a message untaken, by one timer that seldom fires."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Stall:
    """Makes `timeout` end when one write has lasted `seconds`.

    A timer for each message would cost more than the message; this one is set again only when it fires.
    """

    def __init__(self, seconds: float, timeout: asyncio.Timeout) -> None:
        self._seconds = seconds
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._timer = self._loop.call_later(seconds, self._look)

    def __enter__(self) -> Stall:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()

    def writing(self) -> None:
        """Take note that a write begins."""
        self._since = self._loop.time()

    def written(self) -> None:
        """Take note that the reader has taken it."""
        self._since = None

    def _look(self) -> None:
        now = self._loop.time()
        left = self._seconds if self._since is None else self._since + self._seconds - now
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        elif not self._timeout.expired():
            self._timeout.reschedule(now)
