"""One that writes through faults and repeats, and one that follows: 1, 2, 3, ... without a gap or a repeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.link import Link
from tests.integration.redis.scripts import ALL, APPEND
from tests.support.redis_process import RedisServer
from tests.support.waiting import eventually

LIMIT = 20.0


class Appending:
    """Appends 1, 2, 3, ... to a list, each until it is answered; `refused` counts the attempts that failed."""

    def __init__(self, link: Link, keys: Sequence[bytes], channel: bytes, last: int) -> None:
        self._link = link
        self._keys = keys
        self._channel = channel
        self._ending = False
        self.last = last
        self.refused = 0
        self.task = asyncio.create_task(self._append())

    async def beyond(self, number: int) -> None:
        """Wait until it has come further than this."""
        async with asyncio.timeout(LIMIT):
            while self.last <= number:
                assert not self.task.done(), self.task
                await asyncio.sleep(0.001)

    async def end(self) -> None:
        """Let it finish what it is at."""
        self._ending = True
        async with asyncio.timeout(LIMIT):
            await self.task

    async def _append(self) -> None:
        while not self._ending:
            number = b"%d" % (self.last + 1)
            try:
                assert await self._link.run(APPEND, self._keys, [number, self._channel]) == self.last + 1
            except StoreUnavailable:
                self.refused += 1
                await asyncio.sleep(0.002)
            else:
                self.last += 1


class Listening:
    """Follows the list by what is said: reads it where that does not fit, as after None."""

    def __init__(self, link: Link, name: bytes, channel: bytes) -> None:
        self._link = link
        self._name = name
        self._channel = channel
        self.last = 0
        self.heard = 0
        self.missed = 0
        self.ready = asyncio.Event()
        self.task = asyncio.create_task(self._follow())

    async def until(self, number: int) -> None:
        """Wait until it has this entry."""
        async with asyncio.timeout(LIMIT):
            while self.last < number:
                assert not self.task.done(), self.task
                await asyncio.sleep(0.001)

    async def _follow(self) -> None:
        async with self._link.hear(self._channel) as said:
            self.ready.set()
            while True:
                number = await self._next(said)
                if number == self.last + 1:
                    self.last += 1
                    self.heard += 1
                elif number is None or number > self.last:
                    await self._read()

    async def _next(self, said: AsyncIterator[bytes | None]) -> int | None:
        """Return what is said, None when it is time to look, for what is said is a hint."""
        try:
            async with asyncio.timeout(0.2):
                number = await anext(said)
        except TimeoutError:
            return None
        self.missed += number is None
        return None if number is None else int(number)

    async def _read(self) -> None:
        try:
            entries = await self._link.fetch(ALL, [self._name], [])
        except StoreUnavailable:
            return
        assert entries == [b"%d" % number for number in range(1, len(entries) + 1)]
        assert len(entries) >= self.last
        self.last = len(entries)


@asynccontextmanager
async def appending(link: Link, name: bytes, channel: bytes, *more: bytes, last: int = 0) -> AsyncIterator[Appending]:
    """Append for the block, after `last`. `more` are keys that the script names as well, and that do not exist."""
    writer = Appending(link, [name, *more], channel, last)
    try:
        yield writer
    finally:
        await _ended(writer.task)


@asynccontextmanager
async def listening(link: Link, name: bytes, channel: bytes) -> AsyncIterator[Listening]:
    """Follow for the block, live from its beginning on."""
    reader = Listening(link, name, channel)
    try:
        async with asyncio.timeout(LIMIT):
            await reader.ready.wait()
        yield reader
    finally:
        await _ended(reader.task)


async def replicated(primary: RedisServer, replica: RedisServer) -> None:
    """Wait until the replica has all that the primary has."""
    await eventually(lambda: primary.command("ROLE")[1] == replica.command("ROLE")[4])


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
