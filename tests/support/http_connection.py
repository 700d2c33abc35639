"""The server's end of an HTTP/1.1 connection, as little of it as the misbehaving upstream needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping


async def read_request(reader: asyncio.StreamReader) -> tuple[str, Mapping[str, str], bytes] | None:
    """Return path, headers (names in lower case) and body of the next request; None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return first.split()[1], headers, body


class Connection(asyncio.StreamReaderProtocol):
    """A connection that says at once when the caller closes it, also while nobody reads."""

    def __init__(self, accept: Callable[[Connection], None]) -> None:
        self.reader = asyncio.StreamReader()
        super().__init__(self.reader, self._connected)
        self.closed = asyncio.Event()
        self.on_hang_up: Callable[[], None] | None = None
        self._accept = accept
        self._closed_here = False

    def close(self) -> None:
        """Close it from this end."""
        self._closed_here = True
        self.writer.close()

    def abort(self) -> None:
        """Reset it from this end."""
        self._closed_here = True
        self.writer.transport.abort()

    def eof_received(self) -> bool | None:
        """Take note that the caller has closed."""
        self._gone()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the connection is gone."""
        self._gone()
        super().connection_lost(exc)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._accept(self)

    def _gone(self) -> None:
        self.closed.set()
        if self.on_hang_up is not None and not self._closed_here:
            self.on_hang_up()
