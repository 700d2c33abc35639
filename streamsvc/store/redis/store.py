"""The Redis store: many processes, one truth, which outlives them all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from streamsvc.store.redis.context import Context
from streamsvc.store.redis.index import Index
from streamsvc.store.redis.keys import Keys
from streamsvc.store.redis.leases import RedisLeases
from streamsvc.store.redis.link import Link
from streamsvc.store.redis.log import RedisLog
from streamsvc.store.redis.table import RedisTable
from streamsvc.store.redis.waiting import Waiting

TOMBSTONE_TIME = timedelta(days=30)
GONE_TIME = timedelta(days=1)


class RedisStore(RedisLog, RedisTable, RedisLeases):
    """See `store.base.Store`.

    `new_epoch` returns a name never used before. All keys begin with `prefix`. `safety_time` is how long a job is kept
    that is neither ended, appended to nor renewed, `gone_time` how long WatchJobs can tell that a job is gone.
    """

    def __init__(
        self,
        link: Link,
        *,
        new_epoch: Callable[[], str],
        prefix: str = "ss",
        safety_time: timedelta = timedelta(hours=24),
        tombstone_time: timedelta = TOMBSTONE_TIME,
        gone_time: timedelta = GONE_TIME,
    ) -> None:
        keys = Keys(prefix)
        index = Index(link, keys, new_name=new_epoch, gone_time=gone_time)
        waiting = Waiting(link, keys, safety_time)
        context = Context(link, keys, index, waiting, new_epoch, safety_time, tombstone_time)
        RedisLog.__init__(self, context)
        RedisTable.__init__(self, context)
        RedisLeases.__init__(self, context)

    async def close(self) -> None:
        """Close all connections."""
        await self._link.close()
