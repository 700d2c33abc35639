"""What a stream of serialised responses tells a reader that does as the protocol says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from streamsvc.fold import Fold
from streamsvc.log import START, Cursor
from streamsvc.slices import SnapshotJoin
from streamsvc.v1 import event_pb2, state_pb2
from streamsvc.v1 import job_service_pb2 as pb


class Collected:
    """Everything that one call has brought."""

    def __init__(self, cursor: Cursor = START) -> None:
        self.cursor = cursor
        self.responses: list[pb.StreamJobResponse] = []
        self.events: list[event_pb2.Event] = []
        self.snapshots: list[state_pb2.JobState] = []
        self.heartbeats = 0
        self.last_offset = 0
        self.closed = False
        self._fold = Fold()
        self._join: SnapshotJoin | None = None

    @property
    def state(self) -> state_pb2.JobState:
        """The job as this reader knows it."""
        state = self._fold.state()
        state.job.epoch = self.cursor.epoch
        return state

    @property
    def finished(self) -> bool:
        """Whether it has the final event."""
        return self.closed and self.cursor.offset >= self.last_offset

    def begin_call(self) -> None:
        """Begin another call: what the last one was told need not be so any more."""
        self.last_offset, self.closed, self._join = 0, False, None

    def add(self, message: bytes) -> None:
        """Apply a response. A gap or a repeat fails."""
        response = pb.StreamJobResponse.FromString(message)
        self.responses.append(response)
        self.last_offset = response.last_offset or self.last_offset
        self.closed = self.closed or response.closed
        if response.HasField("snapshot"):
            self._add_snapshot(response)
        for event in response.events:
            assert event.offset == self.cursor.offset + 1, f"event {event.offset} after {self.cursor}"
            self.events.append(event)
            self._fold.apply([event])
            self.cursor = Cursor(response.epoch or self.cursor.epoch, event.offset)
        if response.epoch:
            self.cursor = Cursor(response.epoch, self.cursor.offset)
        self.heartbeats += not response.events and not response.HasField("snapshot")

    def _add_snapshot(self, response: pb.StreamJobResponse) -> None:
        self._join = self._join or SnapshotJoin()
        self._join.add(response.snapshot)
        if not response.snapshot_continues:
            self.snapshots.append(self._join.state)
            self._fold = Fold(self._join.state)
            self.cursor = Cursor(response.epoch, self._join.state.offset)
            self._join = None


class Collector:
    """Collects from a stream, in a task of its own."""

    def __init__(self, stream: AsyncGenerator[bytes, None], cursor: Cursor = START) -> None:
        self.collected = Collected(cursor)
        self._stream = stream
        self._more = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async with aclosing(self._stream) as messages:
                async for message in messages:
                    self.collected.add(message)
                    self._more.set()
        finally:
            self._more.set()

    async def done(self) -> Collected:
        """Wait for the end of the stream. Raises what ended it."""
        await self.task
        return self.collected

    async def until(self, condition: Callable[[Collected], bool]) -> Collected:
        """Wait until so much was collected. Raises what ended the stream before."""
        while not condition(self.collected):
            if self.task.done():
                await self.task
                raise AssertionError("the stream ended before that")
            self._more.clear()
            await self._more.wait()
        return self.collected

    async def stop(self) -> Collected:
        """Leave, as a caller whose connection breaks."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        return self.collected
