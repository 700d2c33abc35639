"""A real Redis under shared virtual time: its scripts look at a clock that the test sets, and not at the server's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import cache
from hashlib import sha1
from itertools import count
from typing import Any, TypeVar

from streamsvc.store.base import Announcement
from streamsvc.store.redis.keys import Keys
from streamsvc.store.redis.link import Link, Reply
from streamsvc.store.redis.scripts import Script
from tests.support import redis_servers
from tests.support.law_memory import DAY, Word, listening
from tests.support.law_time import Time
from tests.support.redis_under_test import PREFIX, RedisUnderTest
from tests.support.times import Times

T = TypeVar("T")

BEGAN = 4_000_000_000
"""Seconds since 1970 when virtual time began: later than any real time, so no key expires by the server's clock."""

MARKER = "marker-"
"""What the last word so far begins with: as long as the id of a job, which some channels name first."""

_TIME = b"redis.call('TIME')"
_CLOCK = b"""(function()
  local us = tonumber(redis.call('GET', 'clock'))
  return {math.floor(us / 1000000), us % 1000000}
end)()"""


class ClockedLink:
    """A link whose scripts take the key `clock` for the time."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.hear, self.scan, self.close = link.hear, link.scan, link.close

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """See `Link.run`."""
        return await self._link.run(_clocked(script), keys, args)

    async def fetch(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """See `Link.fetch`."""
        return await self._link.fetch(_clocked(script), keys, args)


class OnRedis:
    """See `law_store.Behind`. Everything is sent, answered and heard in real time, in which the virtual one stands."""

    def __init__(self, time: Time, job_id: str) -> None:
        self._time = time
        self._job_id = job_id
        self._loop = asyncio.new_event_loop()
        self._markers = count(1)
        self._heard: asyncio.Queue[str] = asyncio.Queue()
        keys = Keys(PREFIX)
        self._channels = {keys.bus(job_id): b"0 1 0 %b\nx", keys.calls: b"%b "}
        self.sut = self._loop.run_until_complete(self._open())
        self.store = self.sut.store

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """See `Behind.run`."""
        return self._loop.run_until_complete(self._at_this_time(work))

    async def heard(self) -> None:
        """See `Behind.heard`. A channel keeps its order: what is said last is heard last."""
        marker = f"{MARKER}{next(self._markers):0{32 - len(MARKER)}}"
        for channel, message in self._channels.items():
            await self.sut.client.spublish(channel, message % marker.encode())
            while await self._heard.get() != marker:
                pass

    async def lose(self, job_id: str, to_offset: int, fence: int) -> None:
        """See `Behind.lose`."""
        await self.sut.lose(job_id, to_offset, fence)

    async def restart_empty(self) -> None:
        """See `Behind.restart_empty`."""
        await self.sut.lose(self._job_id, 0, 0)
        await self.sut.client.flushall()

    def listen(self, tell: Callable[[Word], None]) -> None:
        """See `Behind.listen`."""

        def sort(word: Word) -> None:
            name = word.epoch if isinstance(word, Announcement) else word.job_id
            if name.startswith(MARKER):
                self._heard.put_nowait(name)
            else:
                tell(word)

        watches = (self.store.watch(self._job_id), self.store.watch_calls())
        begun = [asyncio.Event() for _ in watches]
        work = [listening(watch, sort, event) for watch, event in zip(watches, begun, strict=True)]
        self._listeners = [self._loop.create_task(listener) for listener in work]
        for event in begun:
            self._loop.run_until_complete(event.wait())

    def close(self) -> None:
        """See `Behind.close`."""
        self._loop.run_until_complete(self._close())
        self._loop.close()

    async def _open(self) -> RedisUnderTest:
        server = redis_servers.shared()
        client = server.client()
        await client.flushall()
        times = Times(safety=DAY, tombstone=DAY)
        return RedisUnderTest(server.servers, client, [client], times, wrap=ClockedLink)

    async def _close(self) -> None:
        for listener in self._listeners:
            listener.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)
        assert self.sut.open_watches() == 0
        await self.sut.close()
        await self.sut.client.aclose()

    async def _at_this_time(self, work: Coroutine[Any, Any, T]) -> T:
        await self.sut.client.set("clock", int((BEGAN + self._time.now) * 1_000_000))
        return await work


@cache
def _clocked(script: Script) -> Script:
    source = script.source.replace(_TIME, _CLOCK)
    return Script(script.name, source, sha1(source, usedforsecurity=False).hexdigest().encode())
