"""A start that is repeated where its job is written, after the store lost the job: one writer, one history."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.errors import JobNotFound, StoreUnavailable
from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import part_started, text, text_of
from tests.support.producers import STOP
from tests.support.rig import Rig, one_rig
from tests.support.virtual_time import in_virtual_time

REQUEST = pb.StartGenerationRequest(prompt="why?", request_id="r1")


async def said(rig: Rig, pause: float = 0.1) -> job_pb2.Job:
    """Return a job that has said five words, one append each."""
    job = await rig.start(REQUEST)
    rig.told.say(part_started())
    for number in range(5):
        rig.told.say(text(f"{number} "))
        await asyncio.sleep(pause)
    return job


@in_virtual_time
async def test_a_start_is_not_served_anew_while_the_writer_here_can_put_the_lost_job_back() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        reader = rig.reader(job.id)
        await reader.until(lambda seen: len(seen.events) == job.last_offset + 7)
        await rig.shared.lose(job.id, to_offset=0, fence=0)
        with pytest.raises(StoreUnavailable):
            await rig.start(REQUEST)
        rig.told.say(text("5 "))
        await reader.until(lambda seen: text_of(seen.events) == "0 1 2 3 4 5 ")
        assert (await rig.start(REQUEST)).id == job.id
        rig.told.say(STOP)
        seen = await reader.done()
        assert seen.snapshots == []
        assert len(rig.told.begun) == 1


@in_virtual_time
async def test_a_start_is_not_served_anew_while_its_ended_job_is_looked_after() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        rig.told.say(STOP)
        seen = await rig.read(job.id)
        await rig.shared.lose(job.id, to_offset=0, fence=0)
        with pytest.raises(StoreUnavailable):
            await rig.start(REQUEST)
        await asyncio.sleep(5)
        assert (await rig.start(REQUEST)).status == job_pb2.JOB_STATUS_COMPLETED
        assert list(await rig.stored(job.id)) == seen.events
        assert len(rig.told.begun) == 1


@in_virtual_time
async def test_a_deleted_job_stays_deleted_also_where_it_is_looked_after() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        rig.told.say(STOP)
        await rig.read(job.id)
        await rig.shared.delete(job.id)
        with pytest.raises(JobNotFound):
            await rig.start(REQUEST)


@in_virtual_time
async def test_an_instance_takes_no_job_over_that_it_still_looks_after() -> None:
    async with one_rig() as rig:
        rig.run()
        job = await said(rig, pause=3)
        rig.told.say(STOP)
        seen = await rig.read(job.id)
        await rig.shared.lose(job.id, to_offset=3, fence=1)  # as it was when its lease was to end by now
        await asyncio.sleep(30)
        assert list(await rig.stored(job.id)) == seen.events
