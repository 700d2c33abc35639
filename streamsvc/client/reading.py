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


async def responses(
    links: Links, link: Link, call: grpc.aio.UnaryStreamCall[Any, R], silence: float
) -> AsyncGenerator[R, None]:
    """Yield what comes on `link`, to the end of the call.

    Raises StreamsvcError: what the service says, Unreachable if the connection breaks, or Silent if nothing comes for
    `silence` seconds.
    """
    try:
        while True:
            # A limit for each read: it holds in the task that it is set in, and each may be made in another one.
            async with asyncio.timeout(silence):
                response = await call.read()
            if response is grpc.aio.EOF:
                return
            yield response  # type: ignore[misc]
    except grpc.aio.AioRpcError as failed:
        raise _noted(links, link, error_of(failed)) from failed
    except TimeoutError:
        silent = Silent(f"nothing came for {silence:g} s, not even a heartbeat")
        raise _noted(links, link, silent) from None
    finally:
        call.cancel()


def _noted(links: Links, link: Link, error: StreamsvcError) -> StreamsvcError:
    links.failed(link, error)
    return error
