"""How old a lease is by its holder's own clock."""

from __future__ import annotations


class LeaseClock:
    """Counts from before the last successful renewal.

    Time in which the store did not answer is not counted: nobody else can have taken the job over then either. Time
    in which the process was stopped is, since others went on (docs/architecture.md, "The rules of one log").

    All times are readings of a monotonic clock, in seconds. `pause` is the longest gap between two ticks of a process
    that runs: a longer one means that it was stopped.
    """

    def __init__(self, ttl: float, pause: float, now: float) -> None:
        self._ttl = ttl
        self._pause = pause
        self._ticked = now
        self._age = 0.0

    @property
    def age(self) -> float:
        """Seconds that count against the lease."""
        return self._age

    @property
    def expired(self) -> bool:
        """Whether the lease must be taken for lost."""
        return self._age >= self._ttl

    def tick(self, now: float, *, reached: bool) -> None:
        """Let time pass. `reached` tells whether the store answers."""
        gap, self._ticked = now - self._ticked, now
        if reached or gap > self._pause:
            self._age += gap

    def renewed(self, asked: float) -> None:
        """Begin anew: a renewal succeeded that was asked for at the age `asked`."""
        self._age -= asked
