"""Reading a stream of responses that must not fall silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import grpc

from streamsvc.client.errors import Silent, error_of
from streamsvc.client.links import Link, Links
from streamsvc.errors import StreamsvcError

R = TypeVar("R")

TURNS = 4
"""How much longer than it was late itself a reader waits for what may have come meanwhile."""


async def responses(
    links: Links, link: Link, call: grpc.aio.UnaryStreamCall[Any, R], silence: float
) -> AsyncGenerator[R, None]:
    """Yield what comes on `link`, to the end of the call.

    Raises StreamsvcError: what the service says, Unreachable if the connection breaks, or Silent if nothing comes for
    `silence` seconds in which this process was awake.
    """
    reading: asyncio.Future[Any] | None = None
    try:
        while True:
            # A task of its own, which nobody cancels: gRPC would write what comes after that into memory that is not
            # its own any more (grpc/grpc#43409). It ends with the call.
            reading = asyncio.ensure_future(call.read())
            if not await _arrives(reading, silence):
                raise _noted(links, link, Silent(f"nothing came for {silence:g} s, not even a heartbeat"))
            response: Any = reading.result()
            if response is grpc.aio.EOF:
                return
            yield response
    except grpc.aio.AioRpcError as failed:
        raise _noted(links, link, error_of(failed)) from failed
    finally:
        call.cancel()
        if reading is not None:
            reading.add_done_callback(_let_go)


async def _arrives(reading: asyncio.Future[Any], silence: float) -> bool:
    """Wait for a read. Returns False if nothing comes for `silence` seconds."""
    loop = asyncio.get_running_loop()
    due = loop.time() + silence
    await asyncio.wait({reading}, timeout=silence)
    # A process that stood still wakes up to this timeout before it has taken what came meanwhile: some turns of the
    # loop later it has. To call again instead would make a busy one busier.
    await asyncio.wait({reading}, timeout=TURNS * (loop.time() - due))
    return reading.done()


def _let_go(reading: asyncio.Future[Any]) -> None:
    """Take note of how a read ended that nobody waits for any more."""
    if not reading.cancelled():
        reading.exception()


def _noted(links: Links, link: Link, error: StreamsvcError) -> StreamsvcError:
    links.failed(link, error)
    return error
