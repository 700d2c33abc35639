"""One connection to one server: bytes out, replies in, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import hiredis

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.failures import CUT_OFF

Words = tuple[bytes | int, ...]
"""A command."""

Reply = Any
"""What a server answered: bytes, int, None, a hiredis.ReplyError, or a list of those."""

pack = cast("Callable[[Words], bytes]", hiredis.pack_command)

_INCOMPLETE = object()


class Wire(asyncio.Protocol):
    """An open connection. `received` grows with everything that comes in."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._transport: asyncio.Transport | None = None
        self._heard: Callable[[Reply], None] = _nothing
        self._lost: Callable[[], None] = _nothing
        self.received = 0

    def use(self, heard: Callable[[Reply], None], lost: Callable[[], None]) -> None:
        """Say who hears each reply, and who hears that the connection broke. Raises StoreUnavailable if it has."""
        if self._transport is None or self._transport.is_closing():
            raise StoreUnavailable(CUT_OFF)
        self._heard, self._lost = heard, lost

    def write(self, packed: bytes) -> None:
        """Send packed commands."""
        if self._transport is not None:
            self._transport.write(packed)

    async def ask(self, *commands: Words) -> list[Reply]:
        """Send commands and return their replies, while nobody else uses the connection. Raises StoreUnavailable."""
        replies: list[Reply] = []
        done = asyncio.get_running_loop().create_future()

        def heard(reply: Reply) -> None:
            replies.append(reply)
            if len(replies) == len(commands) and not done.done():
                done.set_result(None)

        def lost() -> None:
            if not done.done():
                done.set_exception(StoreUnavailable(CUT_OFF))

        self.use(heard, lost)
        self.write(b"".join(map(pack, commands)))
        await done
        return replies

    def drop(self) -> None:
        """Close the connection at once. Nobody hears of it any more."""
        self._heard = self._lost = _nothing
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += 1
        reader = self._reader
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not _INCOMPLETE:
                self._heard(reply)
        except hiredis.ProtocolError:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        lost = self._lost
        self.drop()
        lost()


Dial = Callable[[], Awaitable[Wire]]
"""Opens a connection to one server, in bounded time. Raises StoreUnavailable."""


def _nothing(*_: object) -> None:
    pass
