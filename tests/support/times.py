"""How long things last in the stores that are tested."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Times:
    """How long leases, retentions, running jobs and tombstones last."""

    ttl: timedelta = timedelta(seconds=10)
    retention: timedelta = timedelta(seconds=60)
    safety: timedelta = timedelta(seconds=300)
    tombstone: timedelta = timedelta(seconds=1000)


LONG = Times(
    ttl=timedelta(seconds=1000),
    retention=timedelta(seconds=6000),
    safety=timedelta(seconds=30_000),
    tombstone=timedelta(seconds=100_000),
)
"""For a store with a clock of its own: what a test takes, on however busy a machine, is nothing beside them."""
