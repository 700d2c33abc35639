"""Stopping in good order: no new jobs, the running ones to their end or to SERVER_STOPPED, and nothing left behind."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from streamsvc.errors import ServerDraining
from tests.support.events import FINAL, answer, kinds, scripted
from tests.support.producers import STOP
from tests.support.rig import one_rig, rigs
from tests.support.virtual_time import in_virtual_time, now, settle

GRACE = timedelta(seconds=25)


@in_virtual_time
async def test_no_new_jobs_are_taken_and_the_caller_is_told_when_to_come_again() -> None:
    async with one_rig() as rig:
        await rig.jobs.drain(GRACE)
        with pytest.raises(ServerDraining) as refused:
            await rig.start()
        assert refused.value.retry_after is not None
        assert rig.told.begun == []


@in_virtual_time
async def test_running_jobs_go_on_to_their_end_and_the_drain_is_over_then() -> None:
    async with one_rig() as rig:
        job = await rig.start(scripted(tokens=100, rate=20))
        reader, began = rig.reader(job.id), now()
        await rig.jobs.drain(GRACE)
        assert 4.9 <= now() - began <= 6
        assert kinds((await reader.done()).events)[-1] == "job_completed"


@in_virtual_time
async def test_jobs_that_do_not_end_in_time_are_ended_and_keep_what_was_said() -> None:
    async with one_rig() as rig:
        job = await rig.start()
        rig.told.say_text("two ", "words")
        reader, began = rig.reader(job.id), now()
        await rig.jobs.drain(GRACE)
        assert 25 <= now() - began <= 26
        seen = await reader.done()
        assert seen.events[-1].job_failed.error.reason == "SERVER_STOPPED"
        assert seen.events[-1].job_failed.error.retryable
        assert answer(seen.state) == "two words"
        assert rig.told.closed == 1


@pytest.mark.parametrize("grace", [timedelta(), GRACE])
def test_a_job_that_was_started_a_moment_before_has_its_final_event_too(grace: timedelta) -> None:
    @in_virtual_time
    async def run() -> None:
        async with one_rig() as rig:
            rig.told.say(STOP)
            job = await rig.start()
            await rig.jobs.drain(grace)
            assert [kind for kind in kinds(await rig.events(job.id)) if kind in FINAL] == [
                "job_completed" if grace else "job_failed"
            ]

    run()


@in_virtual_time
async def test_a_drain_does_not_wait_for_jobs_that_have_ended() -> None:
    async with one_rig() as rig:
        rig.told.say(STOP)
        await rig.events((await rig.start()).id)
        began = now()
        await rig.jobs.drain(GRACE)
        assert now() == began


@in_virtual_time
async def test_a_drain_ends_although_the_store_does_not_answer() -> None:
    async with one_rig() as rig:
        await rig.start()
        await settle()
        rig.faults.reachable = False
        began = now()
        await rig.jobs.drain(GRACE)
        assert now() - began <= 25 + 5 + 5


@in_virtual_time
async def test_an_instance_that_is_about_to_stop_takes_no_jobs_over() -> None:
    async with rigs(2) as (writer, other):
        other.run()
        await asyncio.sleep(20)
        await other.jobs.drain(GRACE)
        job = await writer.start()
        await settle()
        writer.faults.reachable = False
        await asyncio.sleep(60)
        assert (await other.shared.get(job.id)).fence == 1
        assert other.jobs.running == 0


@in_virtual_time
async def test_nothing_is_left_of_jobs_and_readers_that_have_ended() -> None:
    async with one_rig() as rig:
        before = len(asyncio.all_tasks())
        jobs = [await rig.start(scripted(tokens=20, rate=20)) for _ in range(20)]
        readers = [rig.reader(job.id) for job in jobs for _ in range(3)]
        for reader in readers[::3]:
            await reader.stop()
        for reader in readers[1::3]:
            await reader.done()
        await asyncio.gather(*[reader.done() for reader in readers[2::3]])
        await asyncio.sleep(11)
        assert rig.jobs.running == 0
        assert len(asyncio.all_tasks()) == before
        assert rig.shared.open_watches() == 0
