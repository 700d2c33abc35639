"""An upstream's response while it comes: opened, read as it arrives, and never waited for without end."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, suppress
from typing import Protocol

import httpx2

from streamsvc.producers.base import UpstreamError
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.failures import Failures
from streamsvc.producers.sse import SseDecoder

_DONE = b"[DONE]"
# The transport lets a TLS failure in the midst of a response through as it is.
_BROKEN = (httpx2.HTTPError, ssl.SSLError)
_NO_STREAM = ("text/html", "application/json")
# How long the end of an answered response is waited for, so that its connection can serve the next request.
_TAIL_SECONDS = 0.1


class Response(Protocol):
    """What is needed of a package's streaming response."""

    @property
    def http_response(self) -> httpx2.Response:
        """The response of the transport, its body not read yet."""
        ...


Call = AbstractAsyncContextManager[Response, bool | None]


async def open_stream(
    stack: AsyncExitStack,
    call: Call,
    package_error: type[Exception],
    failures: Failures,
    endpoint: Endpoint,
    model: str,
) -> UpstreamStream:
    """Send the request and return what comes back. The end of `stack` closes the response.

    `package_error` is what the package raises when it gives up. Raises UpstreamError.
    """
    deadline = asyncio.get_running_loop().time() + endpoint.first_event_timeout.total_seconds()
    try:
        async with asyncio.timeout_at(deadline):
            response = (await stack.enter_async_context(call)).http_response
    except TimeoutError:
        raise _no_first_event(failures, endpoint) from None
    except package_error as error:
        raise failures.of_call(error, model) from None
    except _BROKEN as error:
        raise failures.of_read(error) from None
    content_type = response.headers.get("content-type", "")
    if content_type.startswith(_NO_STREAM):
        raise failures.no_stream(content_type)
    chunks = await stack.enter_async_context(aclosing(response.aiter_bytes()))
    return UpstreamStream(chunks, content_type, failures, endpoint, deadline)


class UpstreamStream:
    """An asynchronous iterator over the data of a response's events, several at a time if they arrive so.

    `done` tells whether the upstream has said that the answer is complete.
    """

    def __init__(
        self, chunks: AsyncIterator[bytes], content_type: str, failures: Failures, endpoint: Endpoint, deadline: float
    ) -> None:
        self._failures = failures
        self._endpoint = endpoint
        self._decoder = SseDecoder()
        self._content_type = content_type
        self._chunks = chunks
        self._deadline = deadline
        self._begun = False
        self._ended = False
        self.done = False

    def __aiter__(self) -> AsyncIterator[list[bytes]]:
        """Return the stream itself: it can be read once."""
        return self

    async def __anext__(self) -> list[bytes]:
        """Return the data of the next events, at least one. Raises UpstreamError."""
        if self._begun:
            # From now on, not from the last event: a slow reader of this iterator is not the upstream's fault.
            limit = self._endpoint.between_events_timeout.total_seconds()
            self._deadline = asyncio.get_running_loop().time() + limit
        while not (self._ended or self.done):
            if events := await self._read():
                self._begun = True
                return events
        raise StopAsyncIteration

    async def drain(self) -> None:
        """Read what follows the answer, but not for long."""
        with suppress(TimeoutError, *_BROKEN):
            async with asyncio.timeout(_TAIL_SECONDS):
                async for _ in self._chunks:
                    pass

    async def _read(self) -> list[bytes]:
        try:
            async with asyncio.timeout_at(self._deadline):
                chunk = await anext(self._chunks, None)
        except TimeoutError:
            raise self._silent() from None
        except _BROKEN as error:
            raise self._failures.of_read(error) from None
        try:
            events = self._decoder.end() if chunk is None else self._decoder.feed(chunk)
        except ValueError:
            raise self._failures.no_stream(self._content_type) from None
        self._ended = chunk is None
        for index, data in enumerate(events):
            if data.strip() == _DONE:
                self.done = True
                return events[:index]
        return events

    def _silent(self) -> UpstreamError:
        if not self._begun:
            return _no_first_event(self._failures, self._endpoint)
        return self._failures.silent("between_events", "sent no further event", self._endpoint.between_events_timeout)


def _no_first_event(failures: Failures, endpoint: Endpoint) -> UpstreamError:
    return failures.silent("first_event", "sent no event", endpoint.first_event_timeout)
