"""A misbehaving OpenAI-compatible upstream: a real HTTP server on loopback that follows a script per request.

    async with Upstream() as upstream:
        exchange = upstream.expect(sse(chunk(content="Hel")), wait_for(go), cut_off())
        ...                                   # let the code under test call upstream.base_url
        assert exchange.body["model"] == "m"
        await exchange.hung_up()              # the caller has closed the connection

A script is a list of steps. One that sends events opens the response by itself; a response that is open after the last
step is ended properly. The connection is kept for the next request.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from tests.support.http_connection import Connection, read_request

_LIMIT = 10.0


class Exchange:
    """One request as it arrived, and the script that answers it."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.steps = steps
        self.path = ""
        self.headers: Mapping[str, str] = {}
        self.body: Any = None
        self.connection = 0
        """Number of the connection it came on, from 1; 0 as long as it has not come."""
        self._arrived = asyncio.Event()
        self._hung_up = asyncio.Event()

    async def arrived(self) -> None:
        """Wait until the request is there. Fails after 10 s."""
        await asyncio.wait_for(self._arrived.wait(), _LIMIT)

    async def hung_up(self) -> None:
        """Wait until the caller has closed the connection. Fails after 10 s."""
        await asyncio.wait_for(self._hung_up.wait(), _LIMIT)

    @property
    def was_hung_up(self) -> bool:
        """Whether the caller has closed the connection by now."""
        return self._hung_up.is_set()

    def arrive(self, path: str, headers: Mapping[str, str], body: bytes, connection: int) -> None:
        """Record the request."""
        self.path, self.headers, self.connection = path, headers, connection
        self.body = json.loads(body) if body else None
        self._arrived.set()

    def hang_up(self) -> None:
        """Record that the caller has closed the connection."""
        self._hung_up.set()


class Answering:
    """The server's end of one exchange, as the steps see it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open = False

    async def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._connection.writer.write(data)
        await self._connection.writer.drain()

    async def open(self, content_type: str) -> None:
        """Send the head of a streaming response, unless it is sent already."""
        if not self._open:
            self._open = True
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
            await self.write(head.encode())

    async def send(self, data: bytes) -> None:
        """Send bytes of a streaming response's body."""
        await self.open("text/event-stream")
        # An empty chunk would end the body.
        if data:
            await self.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """End a streaming response properly."""
        if self._open:
            self._open = False
            await self.write(b"0\r\n\r\n")

    def close(self) -> None:
        """Close the connection."""
        self._open = False
        self._connection.close()

    def abort(self) -> None:
        """Reset the connection."""
        self._open = False
        self._connection.abort()


Step = Callable[[Answering], Awaitable[None]]


def raw(data: bytes) -> Step:
    """Send bytes of the body as they are, garbage included."""

    async def step(answering: Answering) -> None:
        await answering.send(data)

    return step


def sse(*objects: object, newline: str = "\n") -> Step:
    """Send an event for each object."""
    return raw("".join(f"data: {json.dumps(item)}{newline}{newline}" for item in objects).encode())


def done() -> Step:
    """Send the event that says that the answer is complete."""
    return raw(b"data: [DONE]\n\n")


def content_type(value: str) -> Step:
    """Open the response with another media type than that of event streams."""

    async def step(answering: Answering) -> None:
        await answering.open(value)

    return step


def reply(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> Step:
    """Send a whole response. A text is sent as HTML, anything else as JSON."""

    async def step(answering: Answering) -> None:
        html = isinstance(body, str)
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        fields = {"Content-Type": "text/html" if html else "application/json", "Content-Length": str(len(data))}
        lines = [
            f"HTTP/1.1 {status} Status",
            *(f"{name}: {value}" for name, value in (fields | dict(headers or {})).items()),
        ]
        await answering.write("\r\n".join([*lines, "", ""]).encode() + data)

    return step


def head_begun() -> Step:
    """Send the first half of a response's head, and nothing that ends it."""

    async def step(answering: Answering) -> None:
        await answering.write(b"HTTP/1.1 200 OK\r\nContent-Ty")

    return step


def wait_for(event: asyncio.Event) -> Step:
    """Go on when the test sets `event`."""

    async def step(_: Answering) -> None:
        await event.wait()

    return step


def hang() -> Step:
    """Say nothing until the caller hangs up."""
    return wait_for(asyncio.Event())


def close() -> Step:
    """Close the connection without ending the response."""

    async def step(answering: Answering) -> None:
        answering.close()

    return step


def abort() -> Step:
    """Reset the connection."""

    async def step(answering: Answering) -> None:
        answering.abort()

    return step


class Upstream:
    """The server. Requests take the scripts in the order in which they were expected; one too many gets status 500."""

    def __init__(self) -> None:
        self.base_url = ""
        self.exchanges: list[Exchange] = []
        self._expected: deque[Exchange] = deque()
        self._connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def expect(self, *steps: Step) -> Exchange:
        """Answer the next request that has no script yet with these steps."""
        exchange = Exchange(steps)
        self._expected.append(exchange)
        return exchange

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self._accept), "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def _accept(self, connection: Connection) -> None:
        self._connections += 1
        self._tasks.add(asyncio.create_task(self._serve(connection, self._connections)))

    async def _serve(self, connection: Connection, number: int) -> None:
        try:
            while (request := await read_request(connection.reader)) is not None:
                exchange = self._expected.popleft() if self._expected else Exchange((reply(500, {}),))
                self.exchanges.append(exchange)
                connection.on_hang_up = exchange.hang_up
                exchange.arrive(*request, number)
                if not await self._play(connection, exchange):
                    return
        except ConnectionError:
            pass
        finally:
            connection.close()

    async def _play(self, connection: Connection, exchange: Exchange) -> bool:
        """Follow a script until it ends or the caller hangs up. Returns whether the connection is still good."""
        answering = Answering(connection)
        script = asyncio.create_task(_follow(exchange.steps, answering))
        gone = asyncio.create_task(connection.closed.wait())
        try:
            await asyncio.wait({script, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (script, gone):
                task.cancel()
            outcome, _ = await asyncio.gather(script, gone, return_exceptions=True)
        if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
            raise outcome
        return not connection.closed.is_set() and not connection.writer.is_closing()


async def _follow(steps: tuple[Step, ...], answering: Answering) -> None:
    for step in steps:
        await step(answering)
    await answering.end()
