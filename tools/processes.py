"""Processes of a stack: started with a log of their own in .cache, waited for, and ended by their ids."""

from __future__ import annotations

import asyncio
import os
import random
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from socket import create_server

CACHE = Path(__file__).resolve().parent.parent / ".cache"
START_SECONDS = 120
STOP_SECONDS = 10


class NotStarted(Exception):
    """A part of the stack did not come up; the message says which, and where to look."""


@asynccontextmanager
async def running(
    name: str,
    command: Sequence[str],
    ready: Callable[[], Awaitable[bool]],
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[None]:
    """Run a process while the block lasts, from when it is ready. Raises NotStarted, TimeoutError.

    `environment` is added to that of this process. Ctrl-C does not reach the process: it is ended with the block.
    """
    if await ready():
        raise NotStarted(f"another program answers where {name} would: end it first")
    log = CACHE / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=output, stderr=output, env={**os.environ, **(environment or {})}, start_new_session=True
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await ready():
                    if process.returncode is not None:
                        raise NotStarted(f"{name} ended with exit code {process.returncode}; its log is {log}")
                    await asyncio.sleep(0.1)
            yield
        finally:
            await _stop(process)


def free_port() -> int:
    """Return a port that nothing listens on, nor on the next one: an instance of the service takes two."""
    # Not one of those that the system gives to outgoing connections: the next one is likely to become one.
    for port in random.sample(range(20_000, 32_000, 2), 100):
        with suppress(OSError), create_server(("127.0.0.1", port)), create_server(("127.0.0.1", port + 1)):
            return port
    raise NotStarted("no two free ports in a row between 20000 and 32000")


async def says(port: int, words: bytes, answer: bytes) -> bool:
    """Tell whether a server on this port answers `words` with a first line that has `answer` in it."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(words)
    try:
        async with asyncio.timeout(5):
            line = await reader.readline()
    except (TimeoutError, OSError):
        return False
    finally:
        writer.close()
    return answer in line


async def says_ok(port: int, path: str) -> bool:
    """Tell whether a GET of this path is answered with 200."""
    return await says(port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(), b" 200 ")


async def _stop(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
