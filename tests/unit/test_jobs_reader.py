"""One reader: from any cursor, at any moment, every event once and in order, or one snapshot in its place."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from streamsvc.errors import FieldInvalid, JobNotFound
from streamsvc.log import START, Cursor
from streamsvc.principal import Principal
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import answer, part_started, text
from tests.support.folding import canonical
from tests.support.reading import Collected
from tests.support.rig import Rig, one_rig
from tests.support.virtual_time import in_virtual_time, now
from tests.support.writing_log import Log, begin

SNAPSHOT = pb.CATCH_UP_MODE_SNAPSHOT
SKIP = pb.CATCH_UP_MODE_SKIP
MISSING = "f" * 32


async def log_of(rig: Rig, words: int = 5) -> Log:
    """Return a log of so many words, one append each, that goes on."""
    log = await begin(rig.shared)
    await log.say(part_started())
    for number in range(words):
        await log.say(text(f"{number} "))
    return log


def heads(seen: Collected) -> list[pb.StreamJobResponse]:
    return [response for response in seen.responses if not response.events and not response.HasField("snapshot")]


@in_virtual_time
async def test_every_cursor_of_a_log_gets_what_follows_it() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        await log.end()
        whole = (await rig.read(log.job_id)).events
        for offset in range(log.last + 1):
            seen = await rig.read(log.job_id, Cursor("e1", offset))
            assert seen.events == whole[offset:]
            assert seen.snapshots == []
            assert seen.finished


@in_virtual_time
async def test_the_first_answer_comes_at_once_and_says_where_the_log_stands() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        began = now()
        seen = await rig.reader(log.job_id).until(lambda seen: bool(seen.responses))
        first = seen.responses[0]
        assert now() == began
        assert (first.epoch, first.last_offset, first.closed) == ("e1", log.last, False)


@in_virtual_time
async def test_what_is_appended_is_seen_at_once() -> None:
    async with one_rig() as rig:
        log = await log_of(rig, words=0)
        reader = rig.reader(log.job_id)
        await reader.until(lambda seen: len(seen.events) == 2)
        began = now()
        for number in range(10):
            await log.say(text(f"{number} "))
            await reader.until(lambda seen: seen.cursor.offset == log.last)
        assert now() == began
        await log.end()
        seen = await reader.done()
        assert answer(seen.state) == "0 1 2 3 4 5 6 7 8 9 "


@in_virtual_time
async def test_readers_that_join_at_any_moment_see_the_same() -> None:
    async with one_rig() as rig:
        log = await log_of(rig, words=0)
        readers = []
        for number in range(30):
            readers.append(rig.reader(log.job_id))
            readers.append(rig.reader(log.job_id, catch_up=SNAPSHOT))
            await log.say(text(f"{number} "))
            if number % 3 == 0:
                await asyncio.sleep(0.01)
        await log.end()
        seen = [await reader.done() for reader in readers]
        assert len({canonical(one.state) for one in seen}) == 1
        assert all(one.finished for one in seen)


@in_virtual_time
async def test_silence_is_broken_by_heartbeats() -> None:
    async with one_rig(heartbeat_interval=timedelta(seconds=15)) as rig:
        log = await log_of(rig)
        reader = rig.reader(log.job_id)
        await reader.until(lambda seen: seen.cursor.offset == log.last)
        told = len(reader.collected.responses)
        await asyncio.sleep(100)
        beats = reader.collected.responses[told:]
        assert len(beats) == 6
        assert all((beat.epoch, beat.last_offset, beat.closed) == ("", log.last, False) for beat in beats)


@in_virtual_time
async def test_heartbeats_come_although_the_log_is_looked_at_seldom() -> None:
    async with one_rig(heartbeat_interval=timedelta(seconds=5), poll_interval=timedelta(hours=1)) as rig:
        rig.faults.reachable = False
        reader = rig.reader(MISSING)
        await asyncio.sleep(60)
        assert reader.collected.heartbeats >= 10


@in_virtual_time
async def test_a_snapshot_is_the_state_as_it_is_now_and_events_follow_it() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        reader = rig.reader(log.job_id, catch_up=SNAPSHOT)
        seen = await reader.until(lambda seen: bool(seen.snapshots))
        assert answer(seen.snapshots[0]) == "0 1 2 3 4 "
        assert seen.cursor == Cursor("e1", log.last)
        await log.say(text("more"))
        await log.end()
        seen = await reader.done()
        assert [event.offset for event in seen.events] == [log.last - 1, log.last]
        assert answer(seen.state) == "0 1 2 3 4 more"


@in_virtual_time
async def test_a_large_snapshot_comes_in_slices_and_the_epoch_with_the_last() -> None:
    async with one_rig() as rig:
        log = await begin(rig.shared)
        words = "x" * 900_000
        for number in range(4):
            await log.say(part_started(number), text(words, part=number))
        seen = await rig.reader(log.job_id, catch_up=SNAPSHOT).until(lambda seen: bool(seen.snapshots))
        slices = [response for response in seen.responses if response.HasField("snapshot")]
        assert len(slices) >= 4
        assert max(response.ByteSize() for response in slices) < 2 * 1024 * 1024
        assert [response.snapshot_continues for response in slices] == [True] * (len(slices) - 1) + [False]
        assert [response.epoch for response in slices] == [""] * (len(slices) - 1) + ["e1"]
        before = seen.responses[: seen.responses.index(slices[-1])]
        assert all(response.epoch == "" for response in before)
        assert answer(seen.snapshots[0]) == words * 4


@in_virtual_time
async def test_a_snapshot_of_a_job_that_has_ended_is_all_there_is() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        await log.end()
        seen = await rig.read(log.job_id, catch_up=SNAPSHOT)
        assert (len(seen.snapshots), seen.events, seen.finished) == (1, [], True)


@in_virtual_time
async def test_a_job_that_nobody_knows_is_not_waited_for() -> None:
    async with one_rig() as rig:
        began = now()
        for catch_up in (pb.CATCH_UP_MODE_REPLAY, SNAPSHOT, SKIP):
            with pytest.raises(JobNotFound):
                await rig.read(MISSING, catch_up=catch_up)
        assert now() == began


@in_virtual_time
async def test_a_missing_job_that_a_cursor_names_is_waited_for_one_lease() -> None:
    async with one_rig(heartbeat_interval=timedelta(seconds=2)) as rig:
        began = now()
        reader = rig.reader(MISSING, Cursor("e1", 3))
        with pytest.raises(JobNotFound):
            await reader.done()
        assert 10 <= now() - began <= 12
        assert 3 <= reader.collected.heartbeats <= 6


@in_virtual_time
async def test_skip_begins_where_the_log_stands() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        reader = rig.reader(log.job_id, catch_up=SKIP)
        seen = await reader.until(lambda seen: bool(seen.responses))
        assert (seen.responses[0].epoch, seen.responses[0].last_offset) == ("e1", log.last)
        reader.collected.cursor = Cursor("e1", log.last)
        await log.say(text("more"))
        await log.end()
        seen = await reader.done()
        assert [event.offset for event in seen.events] == [log.last - 1, log.last]
        assert seen.snapshots == []


@in_virtual_time
async def test_skip_of_a_job_that_has_ended_ends_at_once() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        await log.end()
        seen = await rig.read(log.job_id, catch_up=SKIP)
        assert (seen.events, seen.snapshots, seen.closed, seen.last_offset) == ([], [], True, log.last)


@in_virtual_time
async def test_an_outage_while_a_snapshot_is_made_is_waited_for() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        with_tail = rig.reader(log.job_id)
        await with_tail.until(lambda seen: seen.cursor.offset == log.last)
        rig.faults.fail("read", 3)
        reader = rig.reader(log.job_id, catch_up=SNAPSHOT)
        seen = await reader.until(lambda seen: bool(seen.snapshots))
        assert answer(seen.snapshots[0]) == "0 1 2 3 4 "


@in_virtual_time
async def test_a_job_of_somebody_else_is_not_found() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        stranger = Principal("eve")
        with pytest.raises(JobNotFound):
            await rig.jobs.state(stranger, log.job_id)
        with pytest.raises(JobNotFound):
            await rig.jobs.cancel(stranger, log.job_id, "")
        with pytest.raises(JobNotFound):
            async for _ in rig.jobs.stream(stranger, pb.StreamJobRequest(job_id=log.job_id)):
                pass
        friend = Principal("bob", grants=frozenset({log.job_id}))
        assert (await rig.jobs.state(friend, log.job_id)).job.id == log.job_id


@in_virtual_time
async def test_a_stream_that_makes_no_sense_opens_no_tail() -> None:
    async with one_rig() as rig:
        with pytest.raises(FieldInvalid):
            await rig.read("nonsense", START)
        assert rig.faults.calls.total() == 0
