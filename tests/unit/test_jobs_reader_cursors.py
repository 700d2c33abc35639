"""What a reader gets for its cursor: what follows it, or a snapshot where the log cannot go on from there."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from streamsvc.jobs.pulse import Pulse
from streamsvc.jobs.reader import CatchUp, Patience, Reader
from streamsvc.jobs.tail import Tail
from streamsvc.log import Cursor
from streamsvc.principal import ANONYMOUS
from tests.support.events import answer, part_started, text
from tests.support.reading import Collected
from tests.support.rig import Rig, one_rig
from tests.support.virtual_time import in_virtual_time, now, settle
from tests.support.writing_log import Log, begin


async def log_of(rig: Rig, words: int = 5) -> Log:
    """Return a log of so many words, one append each, that goes on."""
    log = await begin(rig.shared)
    await log.say(part_started())
    for number in range(words):
        await log.say(text(f"{number} "))
    return log


@pytest.mark.parametrize("cursor", [Cursor("", 3), Cursor("e0", 3), Cursor("unknown", 99)])
@pytest.mark.parametrize("closed", [False, True])
def test_a_cursor_of_an_epoch_that_is_not_known_gets_a_snapshot(cursor: Cursor, closed: bool) -> None:
    @in_virtual_time
    async def run() -> None:
        async with one_rig() as rig:
            log = await log_of(rig)
            if closed:
                await log.end()
            reader = rig.reader(log.job_id, cursor)
            seen = await reader.until(lambda seen: bool(seen.snapshots))
            assert seen.responses[0].epoch == ""
            assert (seen.events, seen.cursor) == ([], Cursor("e1", log.last))

    run()


@in_virtual_time
async def test_a_cursor_ahead_of_an_open_log_waits_with_heartbeats() -> None:
    async with one_rig(heartbeat_interval=timedelta(seconds=5)) as rig:
        log = await log_of(rig)
        reader = rig.reader(log.job_id, Cursor("e1", log.last + 2))
        await asyncio.sleep(60)
        assert (reader.collected.events, reader.collected.snapshots) == ([], [])
        assert reader.collected.heartbeats >= 11
        await log.say(text("a"), text("b"))
        await settle()
        assert reader.collected.events == []
        await log.say(text("c"))
        await log.end()
        assert answer((await rig.read(log.job_id)).state) == "0 1 2 3 4 abc"
        assert [event.offset for event in (await reader.done()).events] == [log.last - 1, log.last]


@in_virtual_time
async def test_a_cursor_ahead_of_a_closed_log_gets_a_snapshot() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        await log.end()
        seen = await rig.read(log.job_id, Cursor("e1", log.last + 2))
        assert len(seen.snapshots) == 1
        assert seen.cursor == Cursor("e1", log.last)


@in_virtual_time
async def test_a_reader_is_not_told_that_the_log_is_closed_before_the_snapshot_that_it_needs() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        await log.end()
        seen = await rig.read(log.job_id, Cursor("e1", log.last + 2))
        first = next(i for i, response in enumerate(seen.responses) if response.HasField("snapshot"))
        assert not any(response.closed for response in seen.responses[:first])


@in_virtual_time
async def test_a_cursor_of_an_earlier_epoch_is_good_up_to_its_end() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        await asyncio.sleep(11)
        end = log.last
        other = await log.taken_over()
        await other.say(text("more"))
        await other.end()
        served = await rig.read(log.job_id, Cursor("e1", end))
        assert served.snapshots == []
        assert [event.offset for event in served.events] == [end + 1, end + 2]
        assert served.cursor.epoch == other.lease.epoch
        beyond = await rig.read(log.job_id, Cursor("e1", end + 1))
        assert len(beyond.snapshots) == 1


@in_virtual_time
async def test_a_live_reader_goes_on_across_a_change_of_hands() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        reader = rig.reader(log.job_id)
        await reader.until(lambda seen: seen.cursor.offset == log.last)
        await asyncio.sleep(11)
        other = await log.taken_over()
        await other.say(text("more"))
        seen = await reader.until(lambda seen: seen.cursor.offset == other.last)
        assert seen.cursor.epoch == other.lease.epoch
        await other.end()
        assert (await reader.done()).snapshots == []


@in_virtual_time
async def test_a_cursor_before_a_trimmed_log_gets_a_snapshot_and_one_after_it_does_not() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        state = await rig.state(log.job_id)
        await rig.shared.checkpoint(log.lease, state, trim=True)
        trimmed = log.last
        await log.say(text("more"))
        await log.end()
        assert len((await rig.read(log.job_id)).snapshots) == 1
        assert len((await rig.read(log.job_id, Cursor("e1", trimmed - 1))).snapshots) == 1
        assert (await rig.read(log.job_id, Cursor("e1", trimmed))).snapshots == []
        assert answer((await rig.read(log.job_id)).state) == "0 1 2 3 4 more"


@in_virtual_time
async def test_a_log_that_is_longer_than_the_window_is_caught_up_with_exactly() -> None:
    async with one_rig(windows_bytes=1) as rig:
        log = await log_of(rig, words=0)
        live = rig.reader(log.job_id)
        words = [f"{number:05d}" + "x" * 2000 + " " for number in range(200)]
        for word in words:
            await log.say(text(word))
            await settle()
        middle = rig.reader(log.job_id, Cursor("e1", 50))
        late = rig.reader(log.job_id)
        await log.end()
        assert answer((await live.done()).state) == answer((await late.done()).state) == "".join(words)
        assert (await middle.done()).events == live.collected.events[50:]
        assert live.collected.snapshots == late.collected.snapshots == middle.collected.snapshots == []


@in_virtual_time
async def test_what_the_store_has_lost_is_waited_for_without_asking_all_the_time() -> None:
    async with one_rig() as rig:
        log = await log_of(rig, words=20)
        live = rig.reader(log.job_id, Cursor("e1", log.last))
        await live.until(lambda seen: bool(seen.responses))
        await rig.shared.lose(log.job_id, to_offset=5, fence=1)
        reads = rig.faults.calls["read"]
        waiting = rig.reader(log.job_id, Cursor("e1", 7))
        await asyncio.sleep(30)
        assert rig.faults.calls["read"] - reads < 150
        assert (waiting.collected.events, waiting.collected.snapshots) == ([], [])
        assert waiting.collected.heartbeats > 1
        log.last = 5
        await log.say(*[text(f"{number} ") for number in range(3, 20)])
        await log.end()
        assert [event.offset for event in (await waiting.done()).events] == list(range(8, log.last + 1))


@in_virtual_time
async def test_a_reader_that_has_everything_is_told_when_the_log_closes() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        await log.end()
        end = log.last
        with_all = rig.reader(log.job_id, Cursor("e1", end - 1))
        await with_all.done()
        await rig.shared.lose(log.job_id, to_offset=end - 1, fence=1)
        reader = rig.reader(log.job_id, Cursor("e1", end))
        await reader.until(lambda seen: bool(seen.responses))
        log.last = end - 1
        await log.end()
        assert (await reader.done()).finished


class Beating(Pulse):
    """A pulse that beats when the test says so."""

    def beat(self) -> None:
        """Let the reader that waits send a heartbeat."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(False)


@in_virtual_time
async def test_a_heartbeat_at_the_moment_of_a_cut_does_not_name_the_epoch_before_the_snapshot() -> None:
    async with one_rig() as rig:
        log = await log_of(rig)
        tail = Tail(log.job_id, rig.shared, clock=now, window_bytes=lambda: 1 << 20)
        patience = Patience(missing=10, outage=300, pause=1)
        reader = Reader(tail, rig.shared, ANONYMOUS, Cursor("e1", log.last), clock=now, patience=patience)
        seen = Collected(Cursor("e1", log.last))
        pulse = Beating(3600)
        with pulse:
            messages = reader.stream(CatchUp.REPLAY, pulse)
            seen.add(await anext(messages))
            waiting = asyncio.ensure_future(anext(messages))
            await settle()
            await rig.shared.lose(log.job_id, to_offset=4, fence=1)
            await asyncio.sleep(11)
            other = await log.taken_over()
            record = await rig.shared.get(log.job_id)
            pulse.beat()
            tail.adopt(record)
            while not seen.snapshots:
                seen.add(await waiting)
                waiting = asyncio.ensure_future(anext(messages))
                await settle()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        snapshot = next(i for i, response in enumerate(seen.responses) if response.HasField("snapshot"))
        assert all(response.epoch != other.lease.epoch for response in seen.responses[:snapshot])
        assert seen.cursor == Cursor(other.lease.epoch, 4)
