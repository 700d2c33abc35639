"""A TCP proxy on loopback that does to connections what networks do: cuts, stalls, delays, and silence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from types import TracebackType

_CHUNK = 64 * 1024


class Proxy:
    """Forwards to `target` (HOST:PORT). Connections are cut at random bytes as long as `cuts` are left.

    `cut_after` bounds the bytes, of both directions together, after which a connection is cut. `swallow` makes all
    present connections half open: nothing is forwarded any more, and neither side hears of it. `delay` seconds lie
    between receiving and forwarding. While `closed`, new connections are cut at once.
    """

    def __init__(
        self,
        target: str,
        *,
        random: Random | None = None,
        cuts: int = 0,
        cut_after: tuple[int, int] = (0, 0),
        delay: float = 0.0,
    ) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._random = random or Random(0)
        self._cut_after = cut_after
        self.cuts_left = cuts
        self.delay = delay
        self.closed = False
        self.accepted = 0
        self.cut = 0
        self.address = ""
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_CHUNK)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.cut_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def swallow(self) -> None:
        """Make the present connections half open."""
        for connection in self._connections:
            connection.swallowing = True

    def stall(self) -> None:
        """Stop reading from the present connections: their senders feel the pressure."""
        for connection in self._connections:
            connection.flowing.clear()

    def flow(self) -> None:
        """Read on."""
        for connection in self._connections:
            connection.flowing.set()

    def cut_all(self) -> None:
        """Cut all present connections."""
        for connection in list(self._connections):
            connection.cut()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Cut all connections, and let none come back while the block lasts."""
        self.closed = True
        self.cut_all()
        try:
            yield
        finally:
            self.closed = False

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.closed:
            writer.transport.abort()
            return
        self.accepted += 1
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._target, limit=_CHUNK)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(self, writer, there_writer, self._budget())
        self._connections.add(connection)
        try:
            await asyncio.gather(connection.pump(reader, there_writer), connection.pump(there_reader, writer))
        finally:
            self._connections.discard(connection)
            connection.cut()

    def _budget(self) -> int | None:
        """Draw after how many bytes to cut: as often from 10 to 100 as from 10,000 to 100,000."""
        if self.cuts_left <= 0:
            return None
        low, high = self._cut_after
        return int(low * (high / low) ** self._random.random())


class _Connection:
    def __init__(
        self, proxy: Proxy, here: asyncio.StreamWriter, there: asyncio.StreamWriter, budget: int | None
    ) -> None:
        self._proxy = proxy
        self._writers = (here, there)
        self._budget = budget
        self.swallowing = False
        self.flowing = asyncio.Event()
        self.flowing.set()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self.flowing.wait()
                if self._proxy.delay:
                    await asyncio.sleep(self._proxy.delay)
                if not self.swallowing and not await self._forward(data, writer):
                    return
        if self.swallowing:
            await asyncio.Event().wait()  # the other side never hears of the end
        self.cut()

    async def _forward(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        if self._budget is not None and self._proxy.cuts_left > 0:
            if len(data) >= self._budget:
                writer.write(data[: self._budget])
                with suppress(OSError):
                    await writer.drain()
                self._proxy.cuts_left -= 1
                self._proxy.cut += 1
                self.cut()
                return False
            self._budget -= len(data)
        writer.write(data)
        await writer.drain()
        return True

    def cut(self) -> None:
        """End both sides, with a reset."""
        for writer in self._writers:
            writer.transport.abort()
