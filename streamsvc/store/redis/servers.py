"""Which server has a key, and the connections to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from streamsvc.store.redis.failures import Redirected
from streamsvc.store.redis.lane import Lane
from streamsvc.store.redis.replicated import ReplicatedLane
from streamsvc.store.redis.wire import Dial


class Server:
    """One primary: a lane for calls, another for long answers, so that these hold up nobody.

    `host` is where redirections lead that name none.
    """

    def __init__(self, dial: Dial, min_replicas: int, host: str = "") -> None:
        self.dial = dial
        self.host = host
        self.quick = ReplicatedLane(dial, min_replicas) if min_replicas else Lane(dial)
        self.bulk = Lane(dial)

    async def close(self) -> None:
        """Close its connections."""
        await self.quick.close()
        await self.bulk.close()


class Servers(Protocol):
    """The primaries of one Redis."""

    async def home(self, key: bytes) -> Server:
        """Return the server that has `key`, as far as is known. Raises StoreUnavailable."""
        ...

    def follow(self, redirected: Redirected, key: bytes, by: Server) -> Server:
        """Return the server that `by` has named for `key`."""
        ...

    def doubt(self) -> None:
        """Take note that a call has failed: what is known may be out of date."""
        ...

    async def refresh(self) -> None:
        """Ask again who has what. Raises StoreUnavailable."""
        ...

    async def primaries(self) -> Sequence[Server]:
        """Return all servers. Raises StoreUnavailable."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class OneServer:
    """A single server, or the primary that Sentinels know: it has all keys, and whoever connects asks where it is."""

    def __init__(self, dial: Dial, min_replicas: int) -> None:
        self._server = Server(dial, min_replicas)

    async def home(self, key: bytes) -> Server:
        """See `Servers.home`."""
        return self._server

    def follow(self, redirected: Redirected, key: bytes, by: Server) -> Server:
        """See `Servers.follow`. This is a node of a cluster, which it was not said to be."""
        raise redirected

    def doubt(self) -> None:
        """See `Servers.doubt`."""

    async def refresh(self) -> None:
        """See `Servers.refresh`."""

    async def primaries(self) -> Sequence[Server]:
        """See `Servers.primaries`."""
        return [self._server]

    async def close(self) -> None:
        """See `Servers.close`."""
        await self._server.close()
