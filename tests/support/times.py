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
