"""Waits between attempts: exponential, with full jitter, reset by progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before attempt n.

    The wait is uniform between nothing and `initial * 2**n`, at most `maximum`
    ("full jitter", AWS Architecture Blog, 2015), so that clients that lost the same
    server do not come back together.

    >>> Backoff().delay(0, random=lambda: 0.5)
    datetime.timedelta(microseconds=50000)
    """

    initial: timedelta = timedelta(milliseconds=100)
    maximum: timedelta = timedelta(seconds=10)

    def delay(self, attempt: int, *, random: Callable[[], float]) -> timedelta:
        """Return the wait before `attempt` (0 for the first retry).

        `random` returns a float in [0, 1); it is an argument so that tests choose it.
        """
        # The exponent is capped first: 2**attempt of a client that retried all night is not a number to compute.
        ceiling: timedelta = self.initial * 2 ** min(attempt, 32)
        return min(ceiling, self.maximum) * random()
