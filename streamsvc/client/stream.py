"""A job's events, each once and in order, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from datetime import timedelta

from streamsvc.client.errors import Silent, Unreachable
from streamsvc.client.links import Links
from streamsvc.client.options import ClientOptions
from streamsvc.client.reading import responses
from streamsvc.client.retry import Retries
from streamsvc.errors import StreamsvcError
from streamsvc.fold import Fold
from streamsvc.log import Cursor
from streamsvc.slices import SnapshotJoin
from streamsvc.v1 import event_pb2, job_service_pb2, state_pb2

MAX_SILENCE = 120.0
"""The longest silence that is ever waited for, in seconds: two heartbeats of the longest interval."""

Item = event_pb2.Event | state_pb2.JobState
"""What a stream hands out: an event, or a state that replaces everything before it."""


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
        fold: Fold | None = None,
    ) -> None:
        self.job_id = job_id
        self.cursor = cursor
        self.reconnects = 0
        self._fold = fold
        self._links = links
        self._catch_up = catch_up
        self._options = options
        self._silence = 2 * options.heartbeat_interval.total_seconds()
        self._last_offset = 0
        self._closed = False
        self._join: SnapshotJoin | None = None
        self._retries = Retries(options, time.monotonic)
        self._items = self._run()

    def __aiter__(self) -> AsyncIterator[Item]:
        return self._items

    async def aclose(self) -> None:
        """Stop following. The job goes on."""
        await self._items.aclose()

    async def __aenter__(self) -> JobStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def finished(self) -> bool:
        """Whether the final event was handed out."""
        return self._closed and self.cursor.offset >= self._last_offset

    def state(self) -> state_pb2.JobState:
        """Return the job as far as it was handed out: to be kept, and given to `Client.resume` by another process.

        Raises ValueError if the stream was not asked to fold.
        """
        if self._fold is None:
            raise ValueError("the stream does not fold: ask for it with client.stream(..., fold=True)")
        state = self._fold.state()
        state.job.epoch = self.cursor.epoch
        return state

    async def _run(self) -> AsyncGenerator[Item, None]:
        while not self.finished:
            before = self.cursor
            try:
                async with aclosing(self._attempt()) as items:
                    async for item in items:
                        yield item
            except StreamsvcError as error:
                if self.cursor != before:
                    self._retries.progress()
                elif isinstance(error, Silent):
                    # Perhaps not the connection's fault: a large snapshot on a busy machine takes its time.
                    self._silence = min(2 * self._silence, MAX_SILENCE)
                wait = self._retries.wait(error)
                self.reconnects += 1
                await asyncio.sleep(wait)

    async def _attempt(self) -> AsyncGenerator[Item, None]:
        """Make one call and yield what is new in it. Raises what ended it short of the final event."""
        # What an earlier call was told need not be so any more.
        self._join, self._last_offset, self._closed = None, 0, False
        async with self._links.use() as link:
            call = link.stub.StreamJob(self._request(), metadata=await self._links.tokens.metadata())
            async with aclosing(responses(self._links, link, call, self._silence)) as messages:
                async for response in messages:
                    self._retries.contact()
                    for item in self._new(response):
                        yield item
            if not self.finished:
                cut_short = Unreachable("the stream ended before the final event")
                self._links.failed(link, cut_short)
                raise cut_short

    def _request(self) -> job_service_pb2.StreamJobRequest:
        request = job_service_pb2.StreamJobRequest(
            job_id=self.job_id, after_offset=self.cursor.offset, epoch=self.cursor.epoch
        )
        if self.cursor.offset == 0 or self._catch_up == job_service_pb2.CATCH_UP_MODE_SKIP:
            request.catch_up = self._catch_up
        request.heartbeat_interval.FromTimedelta(timedelta(seconds=self._silence / 2))
        return request

    def _new(self, response: job_service_pb2.StreamJobResponse) -> Iterator[Item]:
        """Yield what `response` adds, and move the cursor with each item."""
        epoch = response.epoch or self.cursor.epoch
        self._last_offset = response.last_offset or self._last_offset
        self._closed = self._closed or response.closed
        if response.HasField("snapshot"):
            if state := self._joined(response):
                self.cursor = Cursor(epoch, state.offset)
                if self._fold is not None:
                    self._fold = Fold(state)
                yield state
        elif self._catch_up == job_service_pb2.CATCH_UP_MODE_SKIP and epoch and response.last_offset:
            self.cursor = Cursor(epoch, response.last_offset)
            self._catch_up = job_service_pb2.CATCH_UP_MODE_REPLAY
        for event in response.events:
            if event.offset <= self.cursor.offset:
                continue
            if event.offset != self.cursor.offset + 1:
                raise Unreachable(f"event {event.offset} came after event {self.cursor.offset}")
            self.cursor = Cursor(epoch, event.offset)
            if self._fold is not None:
                self._fold.apply([event])
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
