"""What can be set about how jobs run. Plain values; `settings` gives them their names and sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class JobOptions:
    """Durations and sizes (bytes) of jobs. The defaults are those of docs/settings.md for the memory store.

    `checkpoint_bytes`: 0 for never. Only readers at other instances need a state in the store. `outlived`: whether the
    store outlives this process, so that jobs and readers can go on at other instances.
    """

    heartbeat_interval: timedelta = timedelta(seconds=15)
    lease_ttl: timedelta = timedelta(seconds=10)
    reaper_interval: timedelta = timedelta(seconds=2)
    poll_interval: timedelta = timedelta(seconds=1)
    flush_interval: timedelta = timedelta(milliseconds=10)
    retention: timedelta = timedelta(hours=1)
    claim_grace: timedelta = timedelta(minutes=1)
    cancel_grace: timedelta = timedelta(seconds=10)
    store_outage_limit: timedelta = timedelta(minutes=5)
    max_request_bytes: int = _MIB
    max_event_bytes: int = _MIB
    max_answer_bytes: int = 32 * _MIB
    max_log_bytes: int = 64 * _MIB
    checkpoint_bytes: int = 0
    outlived: bool = False
    max_attempts: int = 3
    windows_bytes: int = 64 * _MIB


MIN_HEARTBEAT = timedelta(seconds=1)
MAX_HEARTBEAT = timedelta(seconds=60)
MAX_RETENTION = timedelta(days=30)
