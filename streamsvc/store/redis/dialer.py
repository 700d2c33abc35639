"""Opens connections: TCP or TLS, signed in, in bounded time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property

import hiredis

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.failures import NOT_PRIMARY, OUT_OF_REACH, Address, failure_of
from streamsvc.store.redis.wire import Reply, Wire, Words

CONNECT_TIMEOUT = 2.0
ASK_TIMEOUT = 1.0


@dataclass(frozen=True)
class Dialer:
    """How to open a connection to servers that want the same credentials. TLS files are paths, "" for none.

    With `primary`, a server that is not one is refused.
    """

    username: str
    password: str = field(repr=False)
    db: int = 0
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    primary: bool = False

    async def dial(self, address: Address) -> Wire:
        """Return an open connection. Raises StoreUnavailable."""
        async with self._bounded(CONNECT_TIMEOUT):
            return await self._open(address)

    async def ask(self, address: Address, *words: bytes) -> Reply:
        """Return a server's answer to one question, over a connection of its own. Raises StoreUnavailable."""
        async with self._bounded(ASK_TIMEOUT):
            wire = await self._open(address)
            try:
                return _granted(await wire.ask(words))[0]
            finally:
                wire.drop()

    async def _open(self, address: Address) -> Wire:
        host, port = address
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(Wire, host, port, ssl=self._context)
        try:
            # The name is for operators; a user who may not set it is welcome as well.
            *replies, _ = await wire.ask(*self._greeting(), (b"CLIENT", b"SETNAME", b"streamsvc"))
            _granted(replies)
            if self.primary and replies[-1][0] != b"master":
                raise StoreUnavailable(NOT_PRIMARY)
        except BaseException:
            wire.drop()
            raise
        return wire

    def _greeting(self) -> list[Words]:
        commands: list[Words] = []
        if self.password:
            user = (self.username.encode(),) if self.username else ()
            commands.append((b"AUTH", *user, self.password.encode()))
        if self.db:
            commands.append((b"SELECT", self.db))
        if self.primary:
            commands.append((b"ROLE",))
        return commands

    @asynccontextmanager
    async def _bounded(self, timeout: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(timeout):
                yield
        except (OSError, hiredis.ReplyError) as error:  # a timeout is an OSError
            raise StoreUnavailable(OUT_OF_REACH) from error

    @cached_property
    def _context(self) -> ssl.SSLContext | None:
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file or None)
        return context


def _granted(replies: list[Reply]) -> list[Reply]:
    for reply in replies:
        if isinstance(reply, hiredis.ReplyError):
            raise failure_of(reply)
    return replies
