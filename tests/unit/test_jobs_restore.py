"""A store that lost what it had acknowledged: the living writer puts it back, and no two histories are mixed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration

from streamsvc.errors import JobNotFound
from streamsvc.v1 import job_pb2
from tests.support.events import answer, kinds, part_started, text, text_of
from tests.support.producers import STOP
from tests.support.rig import Rig, one_rig, rigs
from tests.support.virtual_time import in_virtual_time, settle


async def said(rig: Rig, words: int = 10) -> job_pb2.Job:
    """Return a job that has said so many words, one append each, and goes on."""
    job = await rig.start()
    rig.told.say(part_started())
    for number in range(words):
        rig.told.say(text(f"{number} "))
        await asyncio.sleep(0.1)
    return job


def counted(words: int) -> str:
    return "".join(f"{number} " for number in range(words))


@in_virtual_time
async def test_a_lost_end_of_the_log_is_put_back_with_the_next_words() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        reader = rig.reader(job.id)
        await reader.until(lambda seen: text_of(seen.events) == counted(10))
        await rig.shared.lose(job.id, to_offset=5, fence=1)
        rig.told.say(text("10 "), STOP)
        seen = await reader.done()
        assert text_of(seen.events) == counted(11)
        assert seen.snapshots == []
        assert list(await rig.stored(job.id)) == seen.events


@in_virtual_time
async def test_a_loss_is_found_although_the_producer_is_silent() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        await rig.shared.lose(job.id, to_offset=5, fence=1)
        await asyncio.sleep(4.5)
        assert text_of(await rig.stored(job.id)) == counted(10)


@pytest.mark.parametrize("to_offset", [0, 1, 3])
def test_a_job_that_vanished_or_fell_back_to_its_beginning_is_put_back(to_offset: int) -> None:
    @in_virtual_time
    async def run() -> None:
        async with one_rig() as rig:
            job = await said(rig)
            await rig.shared.lose(job.id, to_offset=to_offset, fence=1)
            rig.told.say(text("10 "), STOP)
            await settle()
            await asyncio.sleep(1)
            assert text_of(await rig.events(job.id)) == counted(11)
            assert (await rig.shared.get(job.id)).job.owner == "anonymous"

    run()


@in_virtual_time
async def test_a_reader_elsewhere_that_saw_what_was_lost_waits_until_it_is_put_back() -> None:
    async with rigs(2) as (writer, other):
        job = await said(writer)
        reader = other.reader(job.id)
        await reader.until(lambda seen: text_of(seen.events) == counted(10))
        await writer.shared.lose(job.id, to_offset=5, fence=1)
        await asyncio.sleep(1.5)
        writer.told.say(text("10 "), STOP)
        seen = await reader.done()
        assert text_of(seen.events) == counted(11)
        assert seen.snapshots == []


@in_virtual_time
async def test_a_job_that_vanished_is_waited_for_by_a_reader_that_knows_its_epoch() -> None:
    async with rigs(2) as (writer, other):
        job = await said(writer)
        cursor = (await other.reader(job.id).until(lambda seen: len(seen.events) > 5)).cursor
        await writer.shared.lose(job.id, to_offset=0, fence=1)
        reader = other.reader(job.id, cursor)
        await asyncio.sleep(1.0)
        writer.told.say(text("10 "), STOP)
        seen = await reader.done()
        assert seen.snapshots == []
        assert seen.events[0].offset == cursor.offset + 1
        assert kinds(seen.events)[-1] == "job_completed"


@in_virtual_time
async def test_a_lost_final_event_is_put_back() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        rig.told.say(STOP)
        seen = await rig.read(job.id)
        await rig.shared.lose(job.id, to_offset=5, fence=1)
        await asyncio.sleep(11)
        assert list(await rig.stored(job.id)) == seen.events
        assert (await rig.shared.get(job.id)).closed


@in_virtual_time
async def test_putting_back_is_tried_again_in_good_time_while_the_store_fails() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        await rig.shared.lose(job.id, to_offset=5, fence=1)
        rig.faults.fail("restore", 4)
        rig.told.say(text("10 "), STOP)
        await asyncio.sleep(30)
        assert text_of(await rig.events(job.id)) == counted(11)
        assert rig.faults.calls["restore"] == 5


@pytest.mark.parametrize("silent", [True, False])
def test_what_was_lost_in_a_long_outage_is_put_back(silent: bool) -> None:
    @in_virtual_time
    async def run() -> None:
        async with one_rig() as rig:
            job = await said(rig)
            await asyncio.sleep(5)
            rig.faults.reachable = False
            if not silent:
                rig.told.say(text("10 "))
            await asyncio.sleep(45)
            await rig.shared.lose(job.id, to_offset=5, fence=1)
            rig.faults.reachable = True
            await asyncio.sleep(5)
            rig.told.say(STOP)
            assert text_of(await rig.events(job.id)) == counted(10 if silent else 11)

    run()


@in_virtual_time
async def test_a_job_that_is_forgotten_at_once_does_not_come_back() -> None:
    async with one_rig() as rig:
        rig.told.say_text("word")
        rig.told.say(STOP)
        job = await rig.start(retention=Duration())
        await asyncio.sleep(0.5)
        for _ in range(40):
            with pytest.raises(JobNotFound):
                await rig.shared.get(job.id)
            await asyncio.sleep(0.5)


@in_virtual_time
async def test_a_store_that_fails_again_after_the_loss_does_not_end_the_job() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        await rig.shared.lose(job.id, to_offset=5, fence=1)
        rig.faults.fail("read", 1)
        rig.told.say(text("10 "), STOP)
        await asyncio.sleep(5)
        assert text_of(await rig.events(job.id)) == counted(11)


@in_virtual_time
async def test_a_store_that_never_takes_back_what_it_lost_ends_the_job_after_the_limit() -> None:
    async with one_rig(store_outage_limit=timedelta(seconds=30)) as rig:
        job = await said(rig)
        await rig.shared.lose(job.id, to_offset=5, fence=1)
        rig.faults.fail("restore", 10**6)
        rig.told.say(text("10 "))
        await asyncio.sleep(60)
        assert rig.told.closed == 1
        assert rig.faults.calls["restore"] < 200
        assert text_of(await rig.stored(job.id)) != counted(11)


@in_virtual_time
async def test_a_deleted_job_is_not_put_back() -> None:
    async with one_rig() as rig:
        job = await said(rig)
        reader = rig.reader(job.id)
        await reader.until(lambda seen: bool(seen.events))
        await rig.shared.delete(job.id)
        rig.told.say(text("10 "))
        with pytest.raises(JobNotFound):
            await reader.done()
        await asyncio.sleep(20)
        assert rig.told.closed == 1
        with pytest.raises(JobNotFound):
            await rig.state(job.id)


@in_virtual_time
async def test_a_trimmed_log_that_was_lost_is_put_back_as_a_state_and_what_follows() -> None:
    async with one_rig(max_log_bytes=1024, windows_bytes=1, flush_interval=timedelta()) as rig:
        job = await rig.start()
        rig.told.say(part_started())
        words = [f"{number:06d}" + "x" * 500 + " " for number in range(300)]
        for word in words:
            rig.told.say(text(word))
            await asyncio.sleep(0.02)
        await rig.shared.lose(job.id, to_offset=0, fence=1)
        rig.told.say(STOP)
        await asyncio.sleep(2)
        seen = await rig.read(job.id)
        assert answer(seen.state) == "".join(words)
        assert len(seen.snapshots) == 1
        assert answer(await rig.state(job.id)) == "".join(words)
