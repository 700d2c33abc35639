"""Time and chance, which come from outside, so that tests choose them."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chance:
    """A clock in seconds that never goes back, the time in milliseconds since 1970, and randomness.

    `random` returns a float in [0, 1), `random_bytes` so many bytes that nobody can guess.
    """

    clock: Callable[[], float] = time.monotonic
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    random: Callable[[], float] = random.random
    random_bytes: Callable[[int], bytes] = os.urandom

    def new_epoch(self) -> str:
        """Return the name of an epoch that was never used before."""
        return self.random_bytes(8).hex()
