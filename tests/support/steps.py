"""A proxy before Redis that lets an instance take so many steps for one job, and not one more."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType

import hiredis

_CHUNK = 64 * 1024


class Steps:
    """Forwards to `target` (HOST:PORT) until the last of `allow` steps: commands that name `word`.

    That one still reaches Redis; of everything after it nothing does, and `taken` is set. So an instance that is killed
    then has died between that step and the next.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._word = b""
        self._left = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""
        self.taken = asyncio.Event()

    def allow(self, steps: int, word: str) -> None:
        """Let so many steps through from now on."""
        self._word, self._left = word.encode(), steps

    def go_on(self) -> None:
        """Let everything through again, to an instance that is started anew."""
        self._word = b""
        self.taken.clear()

    async def __aenter__(self) -> Steps:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        there, on = await asyncio.open_connection(*self._target)
        try:
            with suppress(OSError):
                done = {asyncio.create_task(self._step(here, on)), asyncio.create_task(_pump(there, back))}
                await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.cancel()
                await asyncio.gather(*done, return_exceptions=True)
        finally:
            back.transport.abort()
            on.transport.abort()

    async def _step(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        commands = hiredis.Reader()
        while data := await reader.read(_CHUNK):
            commands.feed(data)
            while (command := commands.gets()) is not False:
                if self.taken.is_set():
                    continue
                writer.write(hiredis.pack_command(tuple(command)))
                if self._word and any(self._word in part for part in command):
                    self._left -= 1
                    if not self._left:
                        self.taken.set()
            await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
