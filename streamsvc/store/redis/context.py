"""What the parts of the Redis store share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from streamsvc.store.redis.index import Index
from streamsvc.store.redis.keys import Keys
from streamsvc.store.redis.link import Link
from streamsvc.store.redis.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Context:
    """Connections, names, indexes, and how long things last."""

    link: Link
    keys: Keys
    index: Index
    waiting: Waiting
    new_epoch: Callable[[], str]
    safety_time: timedelta
    tombstone_time: timedelta
