"""When to write what a producer has said: at once while it is slow, by the interval while it is fast."""

from __future__ import annotations

_AT_ONCE = 4


class Pace:
    """Holds deltas back for at most `interval` seconds, and only in a stream that is faster than it is worth.

    Up to four writes in an interval go at once; more wait for its end and become one. A model of 200 tokens a second
    is never held back, one of 5,000 is written a few hundred times a second (docs/adr/0003-pace.md).
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._began = float("-inf")
        self._writes = 0
        self._fast = False

    def wait(self, now: float) -> float:
        """Return how long a write at `now` should wait: 0 for not at all."""
        end = self._began + self._interval
        if now >= end:
            return 0.0
        return end - now if self._fast or self._writes >= _AT_ONCE else 0.0

    def wrote(self, now: float, events: int) -> None:
        """Take note of a write of so many events."""
        if now >= self._began + self._interval:
            # One write of many events, after an interval's wait: the stream is still fast.
            self._fast = events > _AT_ONCE
            self._began, self._writes = now, 0
        self._writes += 1
