"""The connections of the Redis store: one class for a single server, one behind Sentinels, and a cluster."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.bus import Bus
from streamsvc.store.redis.link import Link, Reply
from streamsvc.store.redis.scripts import Script
from streamsvc.store.redis.servers import OneServer, Servers
from streamsvc.store.redis.uri import RedisServers
from streamsvc.store.redis.wire import Dialer

_SCAN_COUNT = 500


def open_link(where: RedisServers, *, random: Callable[[], float] = random.random) -> Link:
    """Return the link to a Redis. It connects when it is first used. `random` returns a float in [0, 1)."""
    dialer = Dialer(where.username, where.password, where.db, where.tls, where.ca_file, where.cert_file, where.key_file)
    return RedisLink(OneServer(partial(dialer.dial, where.hosts[0])), random)


class RedisLink:
    """Implements `Link` over the servers of one Redis."""

    def __init__(self, servers: Servers, random: Callable[[], float]) -> None:
        self._servers = servers
        self._bus = Bus(servers, random)
        self._scanned = 0
        self._cursor = b"0"

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """See `Link.run`."""
        return await (await self._servers.home(keys[0])).quick.run(script, keys, args)

    async def fetch(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """See `Link.fetch`."""
        return await (await self._servers.home(keys[0])).bulk.run(script, keys, args)

    def hear(self, channel: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes | None]]:
        """See `Link.hear`."""
        return self._bus.hear(channel)

    async def scan(self, pattern: bytes) -> Sequence[bytes]:
        """See `Link.scan`."""
        servers = await self._servers.everyone()
        server = servers[self._scanned % len(servers)]
        try:
            self._cursor, keys = await server.bulk.command(
                b"SCAN", self._cursor, b"MATCH", pattern, b"COUNT", _SCAN_COUNT
            )
        except StoreUnavailable:
            # The next call goes on with the next server: one that is away must not hold up the others.
            self._scanned, self._cursor = self._scanned + 1, b"0"
            raise
        if self._cursor == b"0":
            self._scanned += 1
        return list(keys)

    async def close(self) -> None:
        """See `Link.close`."""
        await self._bus.close()
        await self._servers.close()
