"""Which server has a key, and the connections to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from streamsvc.store.redis.failures import Address
from streamsvc.store.redis.lane import Lane
from streamsvc.store.redis.wire import Wire


class Server:
    """One primary: a lane for short calls, another for long answers, so that these hold up nobody."""

    def __init__(self, dial: Callable[[], Awaitable[Wire]]) -> None:
        self.dial = dial
        self.quick = Lane(dial)
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

    async def at(self, address: Address) -> Server:
        """Return the server that a redirection names. Raises StoreUnavailable."""
        ...

    async def refresh(self) -> None:
        """Ask again who has what. Raises StoreUnavailable."""
        ...

    async def everyone(self) -> Sequence[Server]:
        """Return all primaries. Raises StoreUnavailable."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class OneServer:
    """A single server, or the primary that Sentinels know: it has all keys."""

    def __init__(self, dial: Callable[[], Awaitable[Wire]]) -> None:
        self._server = Server(dial)

    async def home(self, key: bytes) -> Server:
        """See `Servers.home`."""
        return self._server

    async def at(self, address: Address) -> Server:
        """See `Servers.at`."""
        return self._server

    async def refresh(self) -> None:
        """See `Servers.refresh`: whoever connects asks anew."""

    async def everyone(self) -> Sequence[Server]:
        """See `Servers.everyone`."""
        return [self._server]

    async def close(self) -> None:
        """See `Servers.close`."""
        await self._server.close()
