"""WatchJobs: the jobs that stand, then each change, at least once, also of the time the watcher was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from google.protobuf import duration_pb2

from streamsvc.principal import ANONYMOUS
from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.producers import STOP
from tests.support.rig import Rig, one_rig, rigs
from tests.support.virtual_time import in_virtual_time, now

COMPLETED, RUNNING = job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_RUNNING


class Watcher:
    """Keeps what one call of WatchJobs tells, newest word a job."""

    def __init__(self, stream: AsyncIterator[pb.WatchJobsResponse]) -> None:
        self._stream = stream
        self.jobs: dict[str, job_pb2.Job] = {}
        self.removed: set[str] = set()
        self.token = ""
        self.messages: list[pb.WatchJobsResponse] = []

    async def next(self) -> pb.WatchJobsResponse:
        """Take in the next message."""
        message = await anext(self._stream)
        self.messages.append(message)
        self.jobs.update({job.id: job for job in message.jobs})
        self.removed |= set(message.removed_job_ids)
        self.token = message.watch_token or self.token
        return message

    async def until(self, job_id: str, status: job_pb2.JobStatus.ValueType) -> None:
        """Wait until the watcher was told that a job has this status."""
        while job_id not in self.jobs or self.jobs[job_id].status != status:
            await self.next()


@asynccontextmanager
async def watching(rig: Rig, **fields: object) -> AsyncIterator[Watcher]:
    """Watch from an instance."""
    request = pb.WatchJobsRequest(**fields)  # type: ignore[arg-type]
    async with aclosing(rig.jobs.watch(ANONYMOUS, request)) as stream:
        yield Watcher(stream)


@in_virtual_time
async def test_the_first_message_comes_at_once_and_says_caught_up() -> None:
    async with one_rig() as rig:
        job = await rig.start()
        async with watching(rig) as watcher:
            began = now()
            first = await watcher.next()
            assert now() == began
            assert first.caught_up
            assert not first.reset
            assert first.watch_token
            assert [found.id for found in first.jobs] == [job.id]


@in_virtual_time
async def test_a_start_and_an_end_on_another_instance_are_heard_at_once() -> None:
    async with rigs(2) as (here, there), watching(there) as watcher:
        await watcher.next()
        began = now()
        job = await here.start()
        await watcher.until(job.id, RUNNING)
        here.told.say(STOP)
        await watcher.until(job.id, COMPLETED)
        assert now() - began < 0.1


@in_virtual_time
async def test_a_watch_that_was_away_misses_none_of_50_jobs() -> None:
    async with one_rig() as rig:
        async with watching(rig) as before:
            await before.next()
            token = before.token
        jobs = [await rig.start(conversation_id=f"c{i % 3}") for i in range(50)]
        rig.told.say(*[STOP] * 50)
        await asyncio.gather(*(rig.read(job.id) for job in jobs))
        async with watching(rig, watch_token=token) as after:
            first = await after.next()
            assert first.caught_up
            assert {job_id: job.status for job_id, job in after.jobs.items()} == {job.id: COMPLETED for job in jobs}


@in_virtual_time
async def test_a_token_that_means_nothing_resets_the_caller() -> None:
    async with one_rig() as rig:
        job = await rig.start()
        async with watching(rig, watch_token="of another life") as watcher:
            first = await watcher.next()
            assert first.reset
            assert first.caught_up
            assert list(watcher.jobs) == [job.id]


@in_virtual_time
async def test_a_deleted_job_is_told_as_removed_also_later() -> None:
    async with one_rig() as rig:
        job = await rig.start()
        async with watching(rig) as watcher:
            await watcher.next()
            token = watcher.token
            await rig.jobs.delete(ANONYMOUS, job.id)
            while job.id not in watcher.removed:
                await watcher.next()
        async with watching(rig, watch_token=token) as later:
            await later.next()
            assert later.removed == {job.id}


@in_virtual_time
async def test_only_the_conversation_that_was_asked_for_is_told() -> None:
    async with one_rig() as rig:
        mine = await rig.start(conversation_id="mine")
        await rig.start(conversation_id="another")
        async with watching(rig, conversation_id="mine") as watcher:
            await watcher.next()
            assert list(watcher.jobs) == [mine.id]


@in_virtual_time
async def test_silence_is_broken_by_heartbeats() -> None:
    async with one_rig() as rig, watching(rig, heartbeat_interval=duration_pb2.Duration(seconds=5)) as watcher:
        await watcher.next()
        began = now()
        heartbeat = await watcher.next()
        assert not heartbeat.jobs
        assert now() - began <= 5


@in_virtual_time
async def test_many_open_jobs_come_in_several_messages_and_only_the_last_has_the_token() -> None:
    async with one_rig() as rig:
        for _ in range(1100):
            await rig.start()
        async with watching(rig) as watcher:
            while not watcher.token:
                await watcher.next()
            assert len(watcher.jobs) == 1100
            assert [message.caught_up for message in watcher.messages] == [False, False, True]
