"""One connection to one server: bytes out, replies in, in order."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import hiredis

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.failures import CUT_OFF, OUT_OF_REACH, Address, failure_of

CONNECT_TIMEOUT = 2.0

Reply = Any
"""What a server answered: bytes, int, None, a hiredis.ReplyError, or a list of those."""

pack = cast("Callable[[tuple[bytes | int, ...]], bytes]", hiredis.pack_command)

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

    async def ask(self, *commands: tuple[bytes | int, ...]) -> list[Reply]:
        """Send commands and return their replies, while nobody else uses the connection.

        Raises StoreUnavailable, or another failure if a reply is an error.
        """
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
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise failure_of(reply)
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


@dataclass(frozen=True)
class Dialer:
    """Opens connections to servers that want the same credentials. TLS files are paths; "" for none."""

    username: str
    password: str
    db: int = 0
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    async def dial(self, address: Address) -> Wire:
        """Return an open connection, signed in. Raises StoreUnavailable, within `CONNECT_TIMEOUT` seconds."""
        host, port = address
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                loop = asyncio.get_running_loop()
                _, wire = await loop.create_connection(Wire, host, port, ssl=self._context)
                try:
                    await wire.ask(*self._greeting())
                except BaseException:
                    wire.drop()
                    raise
                return wire
        except (OSError, TimeoutError, hiredis.ReplyError) as error:
            raise StoreUnavailable(OUT_OF_REACH) from error

    def _greeting(self) -> list[tuple[bytes | int, ...]]:
        commands: list[tuple[bytes | int, ...]] = []
        if self.password:
            user = (self.username.encode(),) if self.username else ()
            commands.append((b"AUTH", *user, self.password.encode()))
        if self.db:
            commands.append((b"SELECT", self.db))
        return [*commands, (b"CLIENT", b"SETNAME", b"streamsvc")]

    @cached_property
    def _context(self) -> ssl.SSLContext | None:
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file or None)
        return context


def _nothing(*_: object) -> None:
    pass
