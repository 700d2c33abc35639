"""The connections of the Redis store: one class for a single server, one behind Sentinels, and a cluster."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from operator import attrgetter

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.bus import Bus
from streamsvc.store.redis.cluster import Cluster
from streamsvc.store.redis.dialer import Dialer
from streamsvc.store.redis.failures import BEING_MOVED, Redirected
from streamsvc.store.redis.lane import Lane
from streamsvc.store.redis.link import Link, Reply
from streamsvc.store.redis.scripts import Script
from streamsvc.store.redis.sentinel import Sentinels
from streamsvc.store.redis.servers import OneServer, Server, Servers
from streamsvc.store.redis.sweep import Sweep
from streamsvc.store.redis.uri import RedisServers

_REDIRECTIONS = 5
_quick, _bulk = attrgetter("quick"), attrgetter("bulk")


def open_link(where: RedisServers, *, min_replicas: int = 0, random: Callable[[], float] = random.random) -> Link:
    """Return the link to a Redis. It connects when it is first used.

    A write counts once `min_replicas` replicas have it. `random` returns a float in [0, 1).
    """
    dialer = Dialer(where.username, where.password, where.db, where.tls, where.ca_file, where.cert_file, where.key_file)
    if where.mode == "cluster":
        return RedisLink(Cluster(where.hosts, dialer, min_replicas), random)
    if where.mode == "standalone":
        return RedisLink(OneServer(partial(dialer.dial, where.hosts[0]), min_replicas), random)
    ask = replace(dialer, username=where.sentinel_username, password=where.sentinel_password, db=0)
    sentinels = Sentinels(where.hosts, ask, where.master_name, replace(dialer, primary=True))
    return RedisLink(OneServer(sentinels.dial, min_replicas), random)


class RedisLink:
    """Implements `Link` over the servers of one Redis."""

    def __init__(self, servers: Servers, random: Callable[[], float]) -> None:
        self._servers = servers
        self._bus = Bus(servers, random)
        self._sweep = Sweep(servers)

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """See `Link.run`."""
        return await self._call(_quick, script, keys, args)

    async def fetch(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """See `Link.fetch`."""
        return await self._call(_bulk, script, keys, args)

    def hear(self, channel: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes | None]]:
        """See `Link.hear`."""
        return self._bus.hear(channel)

    async def scan(self, pattern: bytes) -> Sequence[bytes]:
        """See `Link.scan`."""
        return await self._sweep.next(pattern)

    async def close(self) -> None:
        """See `Link.close`."""
        await self._bus.close()
        await self._servers.close()

    async def _call(
        self, lane: Callable[[Server], Lane], script: Script, keys: Sequence[bytes], args: Sequence[bytes]
    ) -> Reply:
        server = await self._servers.home(keys[0])
        asking = False
        try:
            for _ in range(1 + _REDIRECTIONS):
                try:
                    return await lane(server).run(script, keys, args, asking=asking)
                except Redirected as to:
                    server, asking = self._servers.follow(to, keys[0], server), to.once
            raise StoreUnavailable(BEING_MOVED)
        except StoreUnavailable:
            self._servers.doubt()
            raise
