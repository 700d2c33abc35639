"""Standard input while it is written: text as it comes, or events as lines of JSON."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from typing import Any

from google.protobuf import json_format

from streamsvc.cli.errors import Mistake
from streamsvc.v1 import event_pb2

CHUNK_BYTES = 64 * 1024

_EXAMPLE = """such as {"textDelta": {"text": "Hello"}}"""


async def text_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield the text of chunks that may end anywhere, also within a character. Raises Mistake if they are no UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        async for chunk in chunks:
            yield decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise Mistake("standard input is not UTF-8: have the program before the pipe write UTF-8") from None


async def events_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[event_pb2.Event]:
    """Yield an event for each line of JSON. Raises Mistake for one that is none, with its number."""
    number, rest = 0, ""
    async for text in text_of(chunks):
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            number += 1
            if line.strip():
                yield _event(line, number)
    if rest.strip():
        yield _event(rest, number + 1)


class Input:
    """What is written to a file descriptor, as it comes, and no faster than it is taken.

    Read by a thread: a file, a pipe and a terminal are waited for alike so, and nobody waits for the thread at the end.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._closed: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._read, args=(descriptor,), name="input", daemon=True).start()

    def close(self) -> None:
        """End the input, whatever else may be written to it."""
        if not self._closed.done():
            self._closed.set_result(None)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what comes, to the end."""
        while True:
            getting = asyncio.ensure_future(self._chunks.get())
            try:
                waiting: set[asyncio.Future[Any]] = {getting, self._closed}
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if self._closed.done() or not (chunk := getting.result()):
                    return
            finally:
                getting.cancel()
            yield chunk

    def _read(self, descriptor: int) -> None:
        chunk = b"first"
        while chunk:
            chunk = os.read(descriptor, CHUNK_BYTES)
            putting = self._chunks.put(chunk)
            try:
                asyncio.run_coroutine_threadsafe(putting, self._loop).result()
            except (RuntimeError, CancelledError):
                putting.close()
                return  # nobody takes it any more


def _event(line: str, number: int) -> event_pb2.Event:
    try:
        return json_format.Parse(line, event_pb2.Event())
    except json_format.ParseError:
        raise Mistake(f"line {number} of standard input is no event: write one as JSON in a line, {_EXAMPLE}") from None
