"""Cancelling: the upstream is closed, what was said is kept, and there is one final event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from streamsvc.producers.base import Finished, Notes
from streamsvc.v1 import event_pb2, job_pb2, state_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import FINAL, answer, kinds, text
from tests.support.producers import STOP, Told
from tests.support.rig import Rig, one_rig, rigs
from tests.support.virtual_time import in_virtual_time, now, settle


class Stubborn(Told):
    """Does not close its upstream when it is told to."""

    async def generate(
        self, request: pb.StartGenerationRequest, so_far: state_pb2.JobState | None, notes: Notes
    ) -> AsyncIterator[event_pb2.Event | Finished]:
        """See `Producer.generate`."""
        yield text("word")
        for _ in range(3):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(60)


async def said(rig: Rig) -> job_pb2.Job:
    """Return a job that has said two words and goes on."""
    job = await rig.start()
    rig.told.say_text("two ", "words")
    await rig.reader(job.id).until(lambda seen: "text_delta" in kinds(seen.events) and answer(seen.state) != "two ")
    return job


@in_virtual_time
async def test_a_cancelled_job_closes_its_upstream_and_keeps_what_was_said() -> None:
    async with one_rig() as rig:
        job, began = await said(rig), now()
        assert (await rig.cancel(job.id, "enough")).status == job_pb2.JOB_STATUS_RUNNING
        events = await rig.events(job.id)
        assert events[-1].job_cancelled.reason == "enough"
        assert rig.told.closed == 1
        assert answer(await rig.state(job.id)) == "two words"
        assert now() - began < 0.1


@in_virtual_time
async def test_a_job_is_cancelled_before_its_first_word() -> None:
    async with one_rig() as rig:
        job = await rig.start()
        await rig.cancel(job.id, "never mind")
        events = await rig.events(job.id)
        assert kinds(events)[-1] == "job_cancelled"
        assert [kind for kind in kinds(events) if kind in FINAL] == ["job_cancelled"]
        assert rig.told.closed == len(rig.told.begun)


@in_virtual_time
async def test_a_cancel_of_a_job_that_has_ended_changes_nothing() -> None:
    async with one_rig() as rig:
        rig.told.say(STOP)
        job = await rig.start()
        before = await rig.events(job.id)
        assert (await rig.cancel(job.id, "too late")).status == job_pb2.JOB_STATUS_COMPLETED
        await asyncio.sleep(60)
        assert await rig.events(job.id) == before


@in_virtual_time
async def test_the_first_reason_stays() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        await asyncio.gather(*[rig.cancel(job.id, f"reason {number}") for number in range(5)])
        assert (await rig.events(job.id))[-1].job_cancelled.reason == "reason 0"


@pytest.mark.parametrize("ticks", range(12))
def test_cancel_against_completion_leaves_one_final_event(ticks: int) -> None:
    @in_virtual_time
    async def run() -> None:
        async with one_rig() as rig:
            job = await said(rig)
            rig.told.say(STOP)
            for _ in range(ticks):
                await asyncio.sleep(0)
            await rig.cancel(job.id, "enough")
            ends = [kind for kind in kinds(await rig.events(job.id)) if kind in FINAL]
            assert len(ends) == 1

    run()


@in_virtual_time
async def test_a_cancel_at_another_instance_reaches_the_writer_at_once() -> None:
    async with rigs(2) as (writer, other):
        writer.run()
        job, began = await said(writer), now()
        await other.cancel(job.id, "from elsewhere")
        events = await other.events(job.id)
        assert events[-1].job_cancelled.reason == "from elsewhere"
        assert writer.told.closed == 1
        assert now() - began < 0.1


@in_virtual_time
async def test_a_cancel_that_is_not_heard_reaches_the_writer_within_a_third_of_the_lease() -> None:
    async with rigs(2) as (writer, other):
        writer.faults.deaf = True
        writer.run()
        job, began = await said(writer), now()
        await other.cancel(job.id, "from elsewhere")
        events = await other.events(job.id)
        assert events[-1].job_cancelled.reason == "from elsewhere"
        assert writer.told.closed == 1
        assert now() - began <= 10.0 / 3 + 1.5


@in_virtual_time
async def test_a_cancel_is_heard_although_the_store_fails_meanwhile() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        rig.faults.hold("append")
        rig.told.say(text("more"))
        await settle()
        await rig.cancel(job.id, "enough")
        rig.faults.fail("append", 3)
        rig.faults.let_go("append")
        events = await rig.events(job.id)
        assert kinds(events)[-1] == "job_cancelled"
        assert answer(await rig.state(job.id)) == "two wordsmore"


@in_virtual_time
async def test_a_producer_that_does_not_close_its_upstream_does_not_hold_up_the_end() -> None:
    async with one_rig() as rig:
        stubborn = Stubborn("told")
        rig.jobs._producers["told"] = stubborn  # type: ignore[index]
        job, began = await rig.start(), now()
        await rig.reader(job.id).until(lambda seen: "text_delta" in kinds(seen.events))
        await rig.cancel(job.id)
        assert kinds(await rig.events(job.id))[-1] == "job_cancelled"
        assert now() - began < 1.0
        await asyncio.sleep(300)
