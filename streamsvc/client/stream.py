"""A job's events, each once and in order, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import timedelta

import grpc

from streamsvc.client.errors import GaveUp, Unreachable, error_of, resumable
from streamsvc.client.links import Links
from streamsvc.client.options import ClientOptions
from streamsvc.errors import StreamsvcError
from streamsvc.log import Cursor
from streamsvc.slices import SnapshotJoin
from streamsvc.v1 import event_pb2, job_service_pb2, state_pb2


class JobStream:
    """Iterates over a job: `Event`s, and a `JobState` where a snapshot replaces everything before it.

    A lost connection, a silence of two heartbeats or a server that stops is no error: the stream calls again with its
    cursor. `cursor` is what was handed out so far; kept together with what was made of it, it can be given to another
    process. Ends after the final event.

    Raises StreamsvcError by its reason, such as JobNotFound, and GaveUp if nothing came for too long.
    """

    def __init__(
        self,
        links: Links,
        job_id: str,
        cursor: Cursor,
        catch_up: job_service_pb2.CatchUpMode.ValueType,
        options: ClientOptions,
    ) -> None:
        self.job_id = job_id
        self.cursor = cursor
        self.reconnects = 0
        self._links = links
        self._catch_up = catch_up
        self._options = options
        self._silence = 2 * options.heartbeat_interval.total_seconds()
        self._last_offset = 0
        self._closed = False
        self._join: SnapshotJoin | None = None
        self._progress = True
        self._items = self._run()

    def __aiter__(self) -> AsyncIterator[event_pb2.Event | state_pb2.JobState]:
        return self._items

    async def aclose(self) -> None:
        """Stop following. The job goes on."""
        await self._items.aclose()  # type: ignore[attr-defined]

    async def __aenter__(self) -> JobStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def finished(self) -> bool:
        """Whether the final event was handed out."""
        return self._closed and self.cursor.offset >= self._last_offset

    async def _run(self) -> AsyncIterator[event_pb2.Event | state_pb2.JobState]:
        failures, too_large, failing_since = 0, 0, None
        now = asyncio.get_running_loop().time
        while not self.finished:
            self._progress = False
            try:
                async with aclosing(self._attempt()) as items:  # type: ignore[type-var]
                    async for item in items:
                        yield item
                continue
            except StreamsvcError as error:
                if not resumable(error):
                    raise
                failure = error
            if self._progress:
                failures, too_large, failing_since = 0, 0, None
            too_large += isinstance(failure, Unreachable) and failure.code == "RESOURCE_EXHAUSTED"
            failing_since = now() if failing_since is None else failing_since
            self._bear(failure, too_large, now() - failing_since)
            self.reconnects += 1
            await asyncio.sleep(self._wait(failure, failures))
            failures += 1

    def _bear(self, failure: StreamsvcError, too_large: int, seconds: float) -> None:
        if too_large >= 2:
            raise failure
        if seconds > self._options.give_up_after.total_seconds():
            text = f"nothing came for {seconds:.0f} s; last: {failure.message}"
            raise GaveUp(text, {"seconds": f"{seconds:.0f}"}) from failure

    def _wait(self, failure: StreamsvcError, failures: int) -> float:
        """Return how long to wait: what the server asks for, else nothing after progress, else the backoff."""
        if failure.retry_after is not None:
            return failure.retry_after.total_seconds()
        if failures == 0:
            return 0.0
        return self._options.backoff.delay(failures - 1, random=random.random).total_seconds()

    async def _attempt(self) -> AsyncIterator[event_pb2.Event | state_pb2.JobState]:
        """Make one call and yield what is new in it. Raises what ended it short of the final event."""
        self._join = None
        async with self._links.use() as link:
            call = link.stub.StreamJob(self._request())
            try:
                async for response in self._responses(call):
                    for item in self._new(response):
                        yield item
            except grpc.aio.AioRpcError as failed:
                self._links.failed(link)
                raise error_of(failed) from failed
            except _Broken as broken:
                self._links.failed(link)
                raise Unreachable(str(broken)) from broken
            finally:
                call.cancel()

    async def _responses(
        self, call: grpc.aio.UnaryStreamCall[job_service_pb2.StreamJobRequest, job_service_pb2.StreamJobResponse]
    ) -> AsyncIterator[job_service_pb2.StreamJobResponse]:
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(self._silence) as silence:
                while isinstance(response := await call.read(), job_service_pb2.StreamJobResponse):
                    silence.reschedule(None)
                    yield response
                    silence.reschedule(now() + self._silence)
        except TimeoutError:
            raise _Broken(f"nothing came for {self._silence:g} s, not even a heartbeat") from None
        if not self.finished:
            raise _Broken("the stream ended before the final event")

    def _request(self) -> job_service_pb2.StreamJobRequest:
        request = job_service_pb2.StreamJobRequest(
            job_id=self.job_id, after_offset=self.cursor.offset, epoch=self.cursor.epoch
        )
        if self.cursor.offset == 0 or self._catch_up == job_service_pb2.CATCH_UP_MODE_SKIP:
            request.catch_up = self._catch_up
        request.heartbeat_interval.FromTimedelta(timedelta(seconds=self._silence / 2))
        return request

    def _new(self, response: job_service_pb2.StreamJobResponse) -> Iterator[event_pb2.Event | state_pb2.JobState]:
        """Yield what `response` adds, and move the cursor with each item."""
        epoch = response.epoch or self.cursor.epoch
        self._last_offset = response.last_offset or self._last_offset
        self._closed = self._closed or response.closed
        if response.HasField("snapshot"):
            if state := self._joined(response):
                self._progress = True
                self.cursor = Cursor(epoch, state.offset)
                yield state
        elif self._catch_up == job_service_pb2.CATCH_UP_MODE_SKIP and epoch and response.last_offset:
            self.cursor = Cursor(epoch, response.last_offset)
            self._catch_up = job_service_pb2.CATCH_UP_MODE_REPLAY
        for event in response.events:
            if event.offset <= self.cursor.offset:
                continue
            if event.offset != self.cursor.offset + 1:
                raise _Broken(f"event {event.offset} came after event {self.cursor.offset}")
            self._progress = True
            self.cursor = Cursor(epoch, event.offset)
            yield event
        if response.epoch and self._join is None:
            self.cursor = Cursor(epoch, self.cursor.offset)

    def _joined(self, response: job_service_pb2.StreamJobResponse) -> state_pb2.JobState | None:
        self._join = self._join or SnapshotJoin()
        self._join.add(response.snapshot)
        if response.snapshot_continues:
            return None
        state, self._join = self._join.state, None
        return state


class _Broken(Exception):
    """The attempt is of no more use."""
