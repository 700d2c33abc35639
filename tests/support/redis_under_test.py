"""The Redis store as the contract tests it: over a real Redis, whose time can pass and which can lose what it had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from streamsvc.store.redis.index import Index
from streamsvc.store.redis.keys import IndexPlace, Keys
from streamsvc.store.redis.link import Link, Reply
from streamsvc.store.redis.links import open_link
from streamsvc.store.redis.scripts import Script
from streamsvc.store.redis.store import RedisStore
from streamsvc.store.redis.uri import RedisServers
from streamsvc.v1 import job_pb2
from tests.support.times import Times

PREFIX = "ss"

_PASS_TIME = """
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 and left <= tonumber(ARGV[2]) then
    redis.call('DEL', key)
  elseif left >= 0 then
    redis.call('PEXPIRE', key, left - ARGV[2])
  end
  if string.sub(key, -4) == ':job' then
    for _, name in ipairs({'lease', 'limit', 'expires', 'vanishes'}) do
      if redis.call('HEXISTS', key, name) == 1 then
        redis.call('HINCRBY', key, name, 0 - ARGV[2])
      end
    end
  elseif string.sub(key, -4) == ':due' or string.sub(key, -8) == ':waiting' then
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, 0 - ARGV[2], member)
    end
  end
end
"""

_REMEMBER = """
local job = redis.call('HMGET', KEYS[1], 'job', 'last', 'fence')
local dumps = {}
for i, key in ipairs(KEYS) do
  dumps[i] = redis.call('DUMP', key)
end
return {job[1], job[2], job[3], dumps}
"""

_PUT_BACK = """
for i, key in ipairs(KEYS) do
  if ARGV[i + 1] ~= '' then
    redis.call('RESTORE', key, 0, ARGV[i + 1])
  end
end
for _, name in ipairs({'lease', 'expires', 'vanishes'}) do
  redis.call('HINCRBY', KEYS[1], name, 0 - ARGV[1])
end
local vanishes = redis.call('HGET', KEYS[1], 'vanishes')
for _, key in ipairs(KEYS) do
  redis.call('PEXPIREAT', key, vanishes)
end
"""


@dataclass(frozen=True)
class _Past:
    """A job as it was, and how much time had been let pass by then."""

    message: bytes
    last: int
    fence: int
    dumps: Sequence[bytes]
    passed_ms: int


class WatchedLink:
    """A link that counts who listens, and tells `after` of each script that ran."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.listeners = 0
        self.fetch, self.scan, self.close = link.fetch, link.scan, link.close
        self.after: Callable[[Script, Sequence[bytes]], Awaitable[None]] | None = None

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """See `Link.run`."""
        reply = await self._link.run(script, keys, args)
        if self.after is not None and keys[0].endswith(b":job"):
            await self.after(script, keys)
        return reply

    @asynccontextmanager
    async def hear(self, channel: bytes) -> AsyncIterator[AsyncIterator[bytes | None]]:
        """See `Link.hear`."""
        async with self._link.hear(channel) as messages:
            self.listeners += 1
            try:
                yield messages
            finally:
                self.listeners -= 1


class RedisUnderTest:
    """See `StoreUnderTest`. `client` is a client of the whole Redis, `nodes` are those of each of its servers.

    `wrap` may put something between the store and its link.
    """

    def __init__(
        self,
        where: RedisServers,
        client: Any,
        nodes: Sequence[Any],
        times: Times,
        *,
        wrap: Callable[[Link], Link] = lambda link: link,
    ) -> None:
        self.times = times
        self.client = client
        self._nodes = nodes
        self._keys = Keys(PREFIX)
        self.link = WatchedLink(wrap(open_link(where)))
        self.link.after = self._remember
        self._index = Index(self.link, self._keys, new_name=str, gone_time=times.tombstone)
        epochs = count(1)
        self.store = RedisStore(
            self.link,
            new_epoch=lambda: f"epoch-{next(epochs)}",
            prefix=PREFIX,
            safety_time=times.safety,
            tombstone_time=times.tombstone,
            gone_time=times.tombstone,
        )
        self._past: defaultdict[bytes, list[_Past]] = defaultdict(list)
        self._passed_ms = 0

    async def advance(self, by: timedelta) -> None:
        """Move everything that Redis holds into the past."""
        by_ms = by // timedelta(milliseconds=1)
        self._passed_ms += by_ms
        for node in self._nodes:
            await node.eval(_PASS_TIME, 0, PREFIX, by_ms)

    async def lose(self, job_id: str, to_offset: int, fence: int) -> None:
        """Throw the keys of a job back. The indexes stay as they are, and somebody looks at the job at once."""
        keys = self._keys.job(job_id)
        past = self._past[keys.job]
        while past and not (past[-1].last <= to_offset and past[-1].fence <= fence):
            past.pop()
        await self.client.delete(*keys)
        if past:
            passed = self._passed_ms - past[-1].passed_ms
            await self.client.eval(_PUT_BACK, len(keys), *keys, passed, *past[-1].dumps)
            await self._index.look_in(IndexPlace.of(job_pb2.Job.FromString(past[-1].message)), 0)

    async def private(self, job_id: str) -> tuple[bytes, bytes]:
        """Return what the request's key holds."""
        request, notes = await self.client.hmget(self._keys.job(job_id).request, "request", "notes")
        return request or b"", notes or b""

    async def leftovers(self) -> int:
        """Return how many keys there are once abandoned jobs were looked for, and what is gone is not remembered."""
        await self.store.abandoned()
        await self.advance(self.times.tombstone)
        return sum([len(await node.keys(f"{PREFIX}:*")) for node in self._nodes])

    def open_watches(self) -> int:
        """Return how many listen."""
        return self.link.listeners

    async def _remember(self, script: Script, keys: Sequence[bytes]) -> None:
        if script.name in ("get", "look", "delete", "touch"):
            return
        whole = self._keys.job(self._keys.job_id_of(keys[0]))
        message, last, fence, dumps = await self.client.eval(_REMEMBER, len(whole), *whole)
        if message is not None:
            kept = [dump or b"" for dump in dumps]
            self._past[keys[0]].append(_Past(message, int(last), int(fence), kept, self._passed_ms))

    async def close(self) -> None:
        """Remove everything, and close all connections."""
        await self.store.close()
        for node in self._nodes:
            await node.flushall()
