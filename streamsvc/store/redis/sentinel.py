"""The primary behind Sentinels, asked for anew by each connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.dialer import Dialer
from streamsvc.store.redis.failures import OUT_OF_REACH, Address
from streamsvc.store.redis.wire import Wire


class Sentinels:
    """Opens connections to the server that the Sentinels call `master_name`.

    A Sentinel that was cut off may name a server that is the primary no more: `dialer` checks its word
    (https://redis.io/docs/latest/develop/reference/sentinel-clients). The next connection asks another one first.
    """

    def __init__(self, sentinels: Sequence[Address], ask: Dialer, master_name: str, dialer: Dialer) -> None:
        self._sentinels = deque(sentinels)
        self._ask = ask
        self._master_name = master_name.encode()
        self._dialer = dialer

    async def dial(self) -> Wire:
        """Return an open connection to the primary. Raises StoreUnavailable."""
        tried: set[Address] = set()
        for sentinel in [*self._sentinels]:
            self._sentinels.rotate(-1)
            with suppress(StoreUnavailable):
                address = await self._primary(sentinel)
                if address not in tried:
                    tried.add(address)
                    return await self._dialer.dial(address)
        raise StoreUnavailable(OUT_OF_REACH)

    async def _primary(self, sentinel: Address) -> Address:
        found = await self._ask.ask(sentinel, b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", self._master_name)
        if found is None:
            raise StoreUnavailable(OUT_OF_REACH)
        host, port = found
        return host.decode(), int(port)
