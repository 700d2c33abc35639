"""One configured upstream: its connections, and an answer read from it as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import httpx2

from streamsvc.producers.answer import Answer
from streamsvc.producers.base import Finished, UpstreamError
from streamsvc.producers.endpoint import NO_KEY, Endpoint
from streamsvc.producers.failures import Failures, Reported
from streamsvc.producers.fields import decode
from streamsvc.producers.stream import Call, open_stream
from streamsvc.v1 import event_pb2


class Client(Protocol):
    """What is needed of a package's client here."""

    async def close(self) -> None:
        """Close its connections."""
        ...


C = TypeVar("C", bound=Client)
Item = event_pb2.Event | Finished


@dataclass(frozen=True, slots=True)
class Package(Generic[C]):
    """What a service's official package offers: it connects, authenticates, and retries what fails before the answer.

    The answer itself is read here, line by line: the packages' typed events cost twenty times as much.
    """

    client: Callable[..., C]
    http: Callable[..., httpx2.AsyncClient]
    error: type[Exception]


class Reader(Protocol):
    """Reads a family's events into an answer."""

    answer: Answer

    @property
    def finished(self) -> bool:
        """Whether the model has said why it stopped: what fails after that is not worth losing the answer for."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come."""
        ...

    def read(self, event: dict[str, Any]) -> None:
        """Tell the answer what an event says. Raises ValueError if it is malformed, Reported for a failure."""
        ...

    def taken(self) -> None:
        """Hear that all that was read so far has been taken."""
        ...

    def end(self) -> list[Item]:
        """Return what closes the answer, `Finished` last."""
        ...


class Upstream(Generic[C]):
    """An endpoint as its producer uses it."""

    def __init__(self, endpoint: Endpoint, package: Package[C]) -> None:
        self.endpoint = endpoint
        self.failures = Failures(endpoint)
        self._package = package
        self._client: C | None = None

    def connected(self) -> C:
        """Return the package's client."""
        # Made inside the loop that it is used in, which the constructor may not be called from.
        if self._client is None:
            # No phase but the first is the transport's: the others are counted from event to event.
            timeout = httpx2.Timeout(None, connect=self.endpoint.connect_timeout.total_seconds())
            # Each running job holds a connection; how many may run is not decided here.
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
            self._client = self._package.client(
                api_key=self.endpoint.api_key or NO_KEY,
                base_url=self.endpoint.base_url,
                timeout=timeout,
                max_retries=self.endpoint.max_retries,
                http_client=self._package.http(timeout=timeout, limits=limits),
            )
        return self._client

    async def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ask(self, call: Callable[[C], Call], reader: Reader, model: str) -> AsyncGenerator[Item, None]:
        """Send a request, and yield what the answer to it says. Raises UpstreamError, and Astray as `Answer` does."""
        async with AsyncExitStack() as stack:
            stream = await open_stream(
                stack, call(self.connected()), self._package.error, self.failures, self.endpoint, model
            )
            try:
                async for events in stream:
                    for data in events:
                        self._read(reader, data, model)
                        for event in reader.answer.take():
                            yield event
                        reader.taken()
                    if reader.ended:
                        break
                if not (stream.done or reader.finished):
                    raise self.failures.broken_off()
            except UpstreamError:
                if not reader.finished:
                    for event in reader.answer.break_off():
                        yield event
                    raise
            await stream.drain()
        for item in reader.end():
            yield item

    def _read(self, reader: Reader, data: bytes, model: str) -> None:
        try:
            reader.read(decode(data))
        except Reported as reported:
            raise self.failures.of_report(reported.error, model) from None
        except ValueError:
            raise self.failures.other_dialect() from None
