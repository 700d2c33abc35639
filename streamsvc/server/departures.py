"""Streams that are sent to other instances when this one stops: each at a moment of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from streamsvc.errors import ServerDraining

MOVED_RETRY = timedelta(milliseconds=200)
"""When one may call again that was sent away. Short, for its answer stands still: they are spread over time already."""

REFUSED_RETRY = timedelta(seconds=1)
"""When one may call again that came too late, and may well come to this instance once more."""


class Departures:
    """Lets streams go on until `run`, and no more begin after it. `random` returns a float in [0, 1)."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._open: set[asyncio.Timeout] = set()
        self._left = asyncio.Event()
        self.begun = False

    @contextmanager
    def expected(self, timeout: asyncio.Timeout) -> Iterator[None]:
        """Have `timeout`, that of a stream, end when it is its turn. Raises ServerDraining if it comes too late."""
        if self.begun:
            raise _draining(REFUSED_RETRY)
        self._open.add(timeout)
        try:
            yield
        finally:
            self._open.discard(timeout)
            if not self._open:
                self._left.set()

    async def run(self, grace: timedelta) -> None:
        """End all streams in the second half of `grace`, so that they do not come to another instance all at once.

        In the first half those who send callers here see that they should not any more. Returns when all have ended.
        """
        self.begun = True
        seconds, began = grace.total_seconds(), asyncio.get_running_loop().time()
        for timeout in self._open:
            if not timeout.expired():
                timeout.reschedule(began + seconds * (1 + self._random()) / 2)
        if self._open:
            self._left.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * seconds):
                    await self._left.wait()

    def why(self) -> ServerDraining:
        """Return what a stream is told whose turn it is."""
        return _draining(MOVED_RETRY)


def _draining(retry: timedelta) -> ServerDraining:
    return ServerDraining("this instance is about to stop: another one goes on", retry_after=retry)
