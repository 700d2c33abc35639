"""What is said on channels, heard over one connection a server, however many listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.ear import Channel, Ear
from streamsvc.store.redis.failures import OUT_OF_REACH
from streamsvc.store.redis.servers import Server, Servers
from streamsvc.store.watches import Watches

HEAR_TIMEOUT = 2.0


class Bus:
    """Listens to channels: the first listener of one subscribes, the last to leave unsubscribes."""

    def __init__(self, servers: Servers, random: Callable[[], float]) -> None:
        self._servers = servers
        self._random = random
        self._watches: Watches[bytes, bytes | None] = Watches()
        self._channels: dict[bytes, Channel] = {}
        self._ears: dict[Server, Ear] = {}
        self._closed = False

    @asynccontextmanager
    async def hear(self, name: bytes) -> AsyncIterator[AsyncIterator[bytes | None]]:
        """See `Link.hear`."""
        async with self._watches.watch(name) as said:
            channel = await self._enter(name)
            try:
                yield said
            finally:
                self._leave(channel)

    async def close(self) -> None:
        """Close all connections. Nothing can be heard from now on."""
        self._closed = True
        while self._ears:
            _, ear = self._ears.popitem()
            await ear.close()

    async def _enter(self, name: bytes) -> Channel:
        channel: Channel | None = None
        try:
            async with asyncio.timeout(HEAR_TIMEOUT):
                channel = self._channels.get(name)
                if channel is None:
                    server = await self._servers.home(name)
                    channel = self._channels.get(name) or self._open(name, server)
                channel.listeners += 1
                await channel.live.wait()
                return channel
        except BaseException as failed:
            if channel is not None:
                self._leave(channel)
            if isinstance(failed, TimeoutError):
                raise StoreUnavailable(OUT_OF_REACH) from None
            raise

    def _leave(self, channel: Channel) -> None:
        channel.listeners -= 1
        if not channel.listeners:
            del self._channels[channel.name]
            channel.ear.remove(channel)

    def _open(self, name: bytes, server: Server) -> Channel:
        if self._closed:
            raise StoreUnavailable(OUT_OF_REACH)
        ear = self._ear(server)
        channel = self._channels[name] = Channel(name, ear)
        ear.add(channel)
        return channel

    def _ear(self, server: Server) -> Ear:
        if server not in self._ears:
            ended = partial(self._ears.pop, server, None)
            self._ears[server] = Ear(server.dial, self._watches.tell, self._astray, ended, self._random)
        return self._ears[server]

    async def _astray(self, channels: Sequence[Channel]) -> None:
        """Look up anew who has the channels, and listen there."""
        with suppress(StoreUnavailable):
            await self._servers.refresh()
            for channel in channels:
                server = await self._servers.home(channel.name)
                if channel.listeners and channel.ear is not self._ears.get(server):
                    channel.ear.remove(channel)
                    channel.ear = self._ear(server)
                    channel.ear.add(channel)
