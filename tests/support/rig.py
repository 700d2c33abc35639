"""Instances of the service without gRPC, in virtual time, over one store that can fail and forget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from streamsvc.jobs.coordinator import Jobs
from streamsvc.jobs.options import JobOptions
from streamsvc.log import START, Cursor
from streamsvc.principal import ANONYMOUS
from streamsvc.producers.scripted import Scripted
from streamsvc.v1 import event_pb2, job_pb2, state_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import events_of
from tests.support.faulty_store import FaultyStore
from tests.support.lossy_memory import LossyMemoryStore
from tests.support.producers import Told
from tests.support.reading import Collected, Collector
from tests.support.virtual_time import chance, now, settle

DAY = timedelta(days=1)


class Rig:
    """One instance. `faults` is its own way to the store that all instances share, `told` its own producer."""

    def __init__(self, shared: LossyMemoryStore, options: JobOptions, seed: int) -> None:
        self.shared = shared
        self.faults = FaultyStore(shared)
        self.told = Told()
        self.jobs = Jobs(self.faults.store, {"told": self.told, "scripted": Scripted()}, options, chance(seed))
        self._tasks: list[asyncio.Task[Any]] = []

    def run(self) -> None:
        """Begin to look for abandoned jobs."""
        self._tasks.append(asyncio.create_task(self.jobs.run()))

    async def start(self, request: pb.StartGenerationRequest | None = None, **fields: Any) -> job_pb2.Job:
        """Start a job."""
        return await self.jobs.start(ANONYMOUS, request or pb.StartGenerationRequest(**{"prompt": "why?", **fields}))

    def reader(
        self, job_id: str, cursor: Cursor = START, catch_up: pb.CatchUpMode.ValueType = pb.CATCH_UP_MODE_REPLAY
    ) -> Collector:
        """Begin to follow a job."""
        request = pb.StreamJobRequest(job_id=job_id, epoch=cursor.epoch, after_offset=cursor.offset, catch_up=catch_up)
        stream = cast(AsyncGenerator[bytes, None], self.jobs.stream(ANONYMOUS, request))
        collector = Collector(stream, cursor)
        self._tasks.append(collector.task)
        return collector

    async def read(
        self, job_id: str, cursor: Cursor = START, catch_up: pb.CatchUpMode.ValueType = pb.CATCH_UP_MODE_REPLAY
    ) -> Collected:
        """Follow a job to its end."""
        return await self.reader(job_id, cursor, catch_up).done()

    async def events(self, job_id: str) -> Sequence[event_pb2.Event]:
        """Return all events of a job that has ended, by a reader that comes late."""
        return (await self.read(job_id)).events

    async def state(self, job_id: str) -> state_pb2.JobState:
        """Return the state of a job."""
        return await self.jobs.state(ANONYMOUS, job_id)

    async def cancel(self, job_id: str, reason: str = "") -> job_pb2.Job:
        """Cancel a job."""
        return await self.jobs.cancel(ANONYMOUS, job_id, reason)

    async def stored(self, job_id: str) -> Sequence[event_pb2.Event]:
        """Return the events in the log, whoever may have seen them."""
        return events_of([(await self.shared.read(job_id, START, max_bytes=1 << 30)).frames])

    async def close(self) -> None:
        """End everything that was begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.jobs.drain(timedelta())


OPTIONS = JobOptions(flush_interval=timedelta(milliseconds=10))


@asynccontextmanager
async def rigs(count: int, **options: Any) -> AsyncIterator[Sequence[Rig]]:
    """Open so many instances over one store. Afterwards nothing of them may be left."""
    shared = LossyMemoryStore(clock=now, new_epoch=chance(99).new_epoch, safety_time=DAY, tombstone_time=DAY)
    opened = [Rig(shared, replace(OPTIONS, **options), seed) for seed in range(count)]
    before = asyncio.all_tasks()
    try:
        yield opened
    finally:
        for rig in opened:
            await rig.close()
        await settle()
    assert asyncio.all_tasks() <= before
    assert shared.open_watches() == 0


@asynccontextmanager
async def one_rig(**options: Any) -> AsyncIterator[Rig]:
    """Open one instance."""
    async with rigs(1, **options) as (rig,):
        yield rig
