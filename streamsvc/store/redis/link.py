"""What the Redis store needs of the servers behind it: scripts run, long answers fetched, channels heard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from streamsvc.store.redis.scripts import Script

Reply = Any
"""What a script returned: bytes, int, None, or a list of those."""


class Link(Protocol):
    """One Redis, whatever it is made of: a single server, one behind Sentinels, a cluster.

    All keys of a call have one hash tag, so one server has them all.
    """

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """Run a script on the server that has `keys`, and return its reply.

        Calls to one server are sent in the order in which they came: while one round trip is under way the next
        gathers. A call whose connection broke may have taken effect or not.

        Raises StoreUnavailable if no answer came, or one that means "not now" (LOADING, READONLY, CLUSTERDOWN,
        TRYAGAIN, OOM, MISCONF, NOREPLICAS, ...). Redirections are followed, a forgotten script is sent again.
        """
        ...

    async def fetch(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Reply:
        """Run a script that only reads, whose reply may be long: it holds up no call of `run`. Raises as `run`."""
        ...

    def hear(self, channel: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes | None]]:
        """Hear what is said (SPUBLISH) on a channel. Live once entered. Raises StoreUnavailable as it is entered.

        None means that something may have been missed: the connection broke or the channel moved, and is back. A
        listener that does not keep up misses what is said. Waiting for the next may be cancelled, and begun again.
        """
        ...

    async def scan(self, pattern: bytes) -> Sequence[bytes]:
        """Return the next few keys that match `pattern`. Call after call this goes round over all servers."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
