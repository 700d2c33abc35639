"""What every RPC has in common: its error on the wire, a line in the access log, and an end for readers that stall."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import grpc

from streamsvc.errors import Internal, ReaderStalled, StreamsvcError
from streamsvc.ids import is_job_id
from streamsvc.jobs.chance import Chance
from streamsvc.principal import ANONYMOUS, Principal
from streamsvc.server.departures import Departures
from streamsvc.server.stall import Stall
from streamsvc.server.status import status_of

access = logging.getLogger("streamsvc.access")
log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(slots=True)
class Call:
    """What the access log tells of a call: never what was said in it."""

    rpc: str
    peer: str
    began: float
    job_id: str = ""
    messages: int = 0
    bytes_sent: int = 0
    code: str = "OK"
    reason: str = ""
    written: bool = False

    def write(self, now: float) -> None:
        """Write the line, once."""
        if self.written:
            return
        self.written = True
        fields = {
            "rpc": self.rpc,
            "code": self.code,
            "reason": self.reason,
            "job_id": self.job_id,
            "seconds": round(now - self.began, 4),
            "messages": self.messages,
            "bytes": self.bytes_sent,
            "peer": self.peer,
        }
        told = {key: value for key, value in fields.items() if value not in ("", 0)}
        access.info(" ".join(f"{key}={value}" for key, value in told.items()), extra={"fields": told})


class Calls:
    """Wraps handlers. `stall_timeout` is how long a reader may leave a message untaken.

    `departures` end the streams when the instance stops.
    """

    def __init__(self, chance: Chance, stall_timeout: timedelta) -> None:
        self._chance = chance
        self._stall_seconds = stall_timeout.total_seconds()
        self.departures = Departures(chance.random)

    def unary(
        self, rpc: str, handler: Callable[[Principal, Any], Awaitable[Any]]
    ) -> Callable[[Any, Context], Awaitable[Any]]:
        """Return the gRPC handler of a call with one answer."""
        return self.waiting(rpc, lambda principal, request, _: handler(principal, request))

    def waiting(
        self, rpc: str, handler: Callable[[Principal, Any, asyncio.Event], Awaitable[Any]]
    ) -> Callable[[Any, Context], Awaitable[Any]]:
        """Return the gRPC handler of a call whose answer may be held back.

        The event that `handler` is given is set when the caller has left: nobody hears of what is done from then on.
        """

        async def serve(request: Any, context: Context) -> Any:
            async with self._told(rpc, request, context) as call:
                # Not the task of the connection: a start whose caller leaves is still done whole.
                left = asyncio.Event()
                working = asyncio.ensure_future(handler(self._principal(context), request, left))
                try:
                    answer = await asyncio.shield(working)
                except asyncio.CancelledError:
                    left.set()
                    working.add_done_callback(partial(self._unheard, call))
                    raise
                call.messages, call.bytes_sent = 1, answer.ByteSize()
                return answer

        return serve

    def stream(
        self, rpc: str, handler: Callable[[Principal, Any], AsyncIterator[bytes]]
    ) -> Callable[[Any, Context], Awaitable[None]]:
        """Return the gRPC handler of a call with a stream of serialised answers."""

        async def serve(request: Any, context: Context) -> None:
            async with self._told(rpc, request, context) as call:
                await self._pass_on(handler(self._principal(context), request), call, context)

        return serve

    @asynccontextmanager
    async def _told(self, rpc: str, request: Any, context: Context) -> AsyncIterator[Call]:
        """Tell the caller of an error, and the access log of the call, however it ends."""
        call = self._call(rpc, request, context)
        try:
            yield call
        except Exception as error:
            await self._abort(call, error, context)
        except asyncio.CancelledError:
            call.code = "CANCELLED"
            raise
        finally:
            call.write(time.monotonic())

    async def _pass_on(self, messages: AsyncIterator[bytes], call: Call, context: Context) -> None:
        try:
            async with asyncio.timeout(None) as timeout:
                with self.departures.expected(timeout), Stall(self._stall_seconds, timeout) as stall:
                    async for message in messages:
                        stall.writing()
                        if call.messages == 0:
                            # By themselves: no status can follow while they are under way, and a reader takes them
                            # unasked. Not before there is a message: a refusal is a status without headers, which HTTP
                            # has as a status of its own.
                            await self._passed(context.send_initial_metadata(()))
                        await self._passed(context.write(message))
                        stall.written()
                        call.messages += 1
                        call.bytes_sent += len(message)
        except TimeoutError:
            if self.departures.begun:
                raise self.departures.why() from None
            seconds = f"{self._stall_seconds:g}"
            text = f"the reader took nothing for {seconds} s (reader_stall_timeout)"
            raise ReaderStalled(text, {"seconds": seconds}) from None
        finally:
            await messages.aclose()  # type: ignore[attr-defined]

    async def _passed(self, sent: Awaitable[None]) -> None:
        try:
            await sent
        except grpc.aio.InternalError:
            # The connection is broken or full: nobody is left to be told of anything.
            raise asyncio.CancelledError from None

    def _call(self, rpc: str, request: Any, context: Context) -> Call:
        job_id = getattr(request, "job_id", "")
        # What is no job id may be anything, and is not for the log.
        return Call(rpc, context.peer(), time.monotonic(), job_id=job_id if is_job_id(job_id) else "")

    def _principal(self, context: Context) -> Principal:
        return ANONYMOUS

    async def _abort(self, call: Call, error: Exception, context: Context) -> None:
        if not isinstance(error, StreamsvcError):
            error = self._incident(call, error)
        call.code, call.reason = error.code, error.reason
        # Not after it: to a reader that takes nothing the status goes out when it reads again, or never.
        call.write(time.monotonic())
        await self._passed(context.abort_with_status(status_of(error, self._chance.random())))

    def _unheard(self, call: Call, working: asyncio.Future[Any]) -> None:
        """Take note of how a call ended whose caller has left: only a bug is anybody else's matter."""
        error = None if working.cancelled() else working.exception()
        if isinstance(error, Exception) and not isinstance(error, StreamsvcError):
            self._incident(call, error)

    def _incident(self, call: Call, error: Exception) -> Internal:
        incident = self._chance.random_bytes(6).hex()
        # Not the error's own words: they may quote what was said.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("%s failed with %s, incident %s\n%s", call.rpc, type(error).__name__, incident, where)
        return Internal(f"something went wrong here; incident {incident}", {"incident": incident})
