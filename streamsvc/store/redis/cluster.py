"""A Redis Cluster: which primary has which slot, learned from any node and from redirections."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from redis.crc import key_slot

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.dialer import Dialer
from streamsvc.store.redis.failures import OUT_OF_REACH, SLOT_DOWN, Address, Redirected
from streamsvc.store.redis.servers import Server
from streamsvc.store.redis.wire import Reply

_PAUSE = 0.1
"""Seconds between two looks at the map while calls fail."""


class Cluster:
    """Implements `Servers`.

    A MOVED corrects one slot at once. After any other failure the whole map is asked for again, in the background:
    calls to the servers that are well do not wait for it.
    """

    def __init__(self, seeds: Sequence[Address], dialer: Dialer, min_replicas: int) -> None:
        self._seeds = seeds
        self._nodes = deque(seeds)
        self._dialer = dialer
        self._min_replicas = min_replicas
        self._servers: dict[Address, Server] = {}
        self._slots: dict[int, Address] = {}
        self._asking = asyncio.Lock()
        self._asked = 0
        self._reached = False
        self._doubting: asyncio.Task[None] | None = None
        self._closed = False

    async def home(self, key: bytes) -> Server:
        """See `Servers.home`."""
        if not self._slots:
            await self.refresh()
        address = self._slots.get(key_slot(key))
        if address is None:
            self.doubt()
            raise StoreUnavailable(SLOT_DOWN)
        return self._at(address)

    def follow(self, redirected: Redirected, key: bytes, by: Server) -> Server:
        """See `Servers.follow`."""
        host, port = redirected.address
        address = (host or by.host, port)
        if not redirected.once:
            self._slots[key_slot(key)] = address
        return self._at(address)

    def doubt(self) -> None:
        """See `Servers.doubt`."""
        if not self._closed and (self._doubting is None or self._doubting.done()):
            self._doubting = asyncio.get_running_loop().create_task(self._look_again())

    async def refresh(self) -> None:
        """See `Servers.refresh`. Those who come while an answer is awaited share it, or its absence."""
        asked = self._asked
        async with self._asking:
            if asked == self._asked:
                self._reached = await self._ask()
                self._asked += 1
            if not self._reached:
                raise StoreUnavailable(OUT_OF_REACH)

    async def primaries(self) -> Sequence[Server]:
        """See `Servers.primaries`."""
        if not self._slots:
            await self.refresh()
        return [self._at(address) for address in sorted(set(self._slots.values()))]

    async def close(self) -> None:
        """See `Servers.close`."""
        self._closed = True
        if self._doubting is not None:
            self._doubting.cancel()
            await asyncio.wait([self._doubting])
        for server in self._servers.values():
            await server.close()

    def _at(self, address: Address) -> Server:
        if address not in self._servers:
            self._servers[address] = Server(partial(self._dialer.dial, address), self._min_replicas, address[0])
        return self._servers[address]

    async def _look_again(self) -> None:
        with suppress(StoreUnavailable):
            await self.refresh()
        await asyncio.sleep(_PAUSE)

    async def _ask(self) -> bool:
        """Take the map of the first node that answers. The next time another one is asked first: this one may err."""
        for node in [*self._nodes]:
            self._nodes.rotate(-1)
            with suppress(StoreUnavailable):
                await self._learn(await self._dialer.ask(node, b"CLUSTER", b"SLOTS"), node)
                return True
        return False

    async def _learn(self, ranges: Reply, node: Address) -> None:
        if not ranges:
            raise StoreUnavailable(SLOT_DOWN)  # a node that was taken out of its cluster knows nothing
        slots: dict[int, Address] = {}
        for first, last, (host, port, *_), *_ in ranges:
            address = (host.decode() if host else node[0], port)
            slots.update(dict.fromkeys(range(first, last + 1), address))
        self._slots = slots
        found = set(slots.values())
        self._nodes = deque(node for node in self._nodes if node in found or node in self._seeds)
        self._nodes.extend(found.difference(self._nodes))
        for address in self._servers.keys() - found:
            await self._servers.pop(address).close()
