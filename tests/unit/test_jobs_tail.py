"""A job as one process knows it: its newest frames, moved on by announcements or by reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamsvc import codec
from streamsvc.errors import StoreUnavailable
from streamsvc.jobs.tail import Tail
from streamsvc.log import Cursor
from streamsvc.store.base import Announcement
from streamsvc.store.memory import MemoryStore
from tests.support.events import Event, answer, events_of, part_started, text
from tests.support.faulty_store import FaultyStore
from tests.support.folding import folded
from tests.support.virtual_time import chance, in_virtual_time, now, settle
from tests.support.writing_log import Log, begin

ALL = 1 << 30


async def begun() -> tuple[Log, FaultyStore]:
    store = MemoryStore(clock=now, new_epoch=chance().new_epoch)
    return await begin(store), FaultyStore(store)


def tail_of(faults: FaultyStore, window: Callable[[], int] = lambda: ALL) -> Tail:
    return Tail("0" * 32, faults.store, clock=now, window_bytes=window)


def window_of(tail: Tail) -> list[Event]:
    return events_of([tail.read(tail.base, ALL)[0]])


@in_virtual_time
async def test_a_tail_begins_at_the_end_of_the_log() -> None:
    log, faults = await begun()
    await log.say(part_started(), text("a"))
    tail = tail_of(faults)
    await tail.refresh()
    assert (tail.base, tail.last, tail.epoch, tail.closed) == (3, 3, "e1", False)
    assert tail.owner == "anonymous"


@in_virtual_time
async def test_the_next_announcement_is_taken_without_reading() -> None:
    log, faults = await begun()
    tail = tail_of(faults)
    await tail.refresh()
    reads = faults.calls["read"]
    assert tail.take(await log.say(part_started(), text("a")))
    assert tail.take(await log.end())
    assert (tail.last, tail.closed) == (4, True)
    assert faults.calls["read"] == reads
    assert [event.offset for event in window_of(tail)] == [2, 3, 4]


@in_virtual_time
async def test_an_announcement_of_what_is_known_already_changes_nothing() -> None:
    log, faults = await begun()
    tail = tail_of(faults)
    await tail.refresh()
    announcement = await log.say(part_started(), text("a"))
    assert tail.take(announcement)
    assert tail.take(announcement)
    assert [event.offset for event in window_of(tail)] == [2, 3]


@in_virtual_time
async def test_an_announcement_after_a_gap_or_of_another_epoch_is_not_taken() -> None:
    log, faults = await begun()
    tail = tail_of(faults)
    await tail.refresh()
    await log.say(part_started())
    late = await log.say(text("a"))
    assert not tail.take(late)
    assert not tail.take(replace(late, after=tail.last, epoch="e2"))
    assert tail.last == 1
    await tail.refresh()
    assert tail.last == 3
    assert [event.offset for event in window_of(tail)] == [2, 3]


@in_virtual_time
async def test_an_announcement_of_which_only_a_part_is_new_is_not_taken() -> None:
    log, faults = await begun()
    tail = tail_of(faults)
    await tail.refresh()
    assert tail.take(await log.say(part_started()))
    assert not tail.take(Announcement("e1", 1, 4, False, b"\x0a\x02\x08\x02"))
    assert tail.last == 2


@in_virtual_time
async def test_calls_to_refresh_share_a_read_that_begins_after_they_came() -> None:
    log, faults = await begun()
    tail = tail_of(faults)
    await tail.refresh()
    faults.hold("read")
    first = asyncio.create_task(tail.refresh())
    await settle()
    await log.say(part_started())
    others = [asyncio.create_task(tail.refresh()) for _ in range(50)]
    await settle()
    reads = faults.calls["read"]
    faults.let_go("read")
    await asyncio.gather(first, *others)
    assert tail.last == 2
    assert faults.calls["read"] <= reads + 2


@in_virtual_time
async def test_a_job_that_is_missing_is_known_as_that_and_a_store_that_fails_is_no_missing_job() -> None:
    _, faults = await begun()
    tail = Tail("1" * 32, faults.store, clock=now, window_bytes=lambda: ALL)
    await tail.refresh()
    assert tail.missing_since == now()
    faults.reachable = False
    with pytest.raises(StoreUnavailable):
        await tail.refresh()
    assert tail.missing_since is None
    assert tail.unreachable_since == now()


@in_virtual_time
async def test_the_window_stays_within_its_bound_and_what_it_dropped_is_read_from_the_store() -> None:
    log, faults = await begun()
    tail = tail_of(faults, lambda: 10_000)
    await tail.refresh()
    for number in range(500):
        assert tail.take(await log.say(text(f"{number} " * 20)))
        assert len(tail.read(tail.base, ALL)[0]) <= 10_000
    assert tail.base > 300
    assert [event.offset for event in window_of(tail)] == list(range(tail.base + 1, 502))
    assert (await tail.state()).offset == 501


@in_virtual_time
async def test_the_state_is_that_of_all_events_wherever_the_window_begins() -> None:
    log, faults = await begun()
    await log.say(part_started(), text("before "))
    tail = tail_of(faults)
    await tail.refresh()
    assert answer(await tail.state()) == "before "
    tail.take(await log.say(text("after")))
    assert answer(await tail.state()) == "before after"


@in_virtual_time
async def test_a_state_is_a_message_of_its_own() -> None:
    log, faults = await begun()
    await log.say(part_started(), text("a"))
    tail = tail_of(faults)
    await tail.refresh()
    first = await tail.state()
    first.parts[0].text.text = "changed"
    assert answer(await tail.state()) == "a"


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.sampled_from([200, 3000, ALL]))
def test_a_fed_tail_keeps_all_that_a_restore_needs(sizes: list[int], window: int) -> None:
    @in_virtual_time
    async def run() -> None:
        log, faults = await begun()
        tail = tail_of(faults, lambda: window)
        tail.feed(log.record, log.first)
        tail.take(await log.say(part_started()))
        said = []
        for size in sizes:
            said.append("x" * size)
            tail.take(await log.say(text(said[-1])))
        state, after, frames = tail.copy()
        events = events_of([frames])
        assert [event.offset for event in events] == list(range(after + 1, log.last + 1))
        assert (state.offset if state else 0) == after
        assert answer(folded(events, state)) == "".join(said)

    run()


@in_virtual_time
async def test_a_fed_tail_keeps_what_it_has_when_the_store_lost_it() -> None:
    log, faults = await begun()
    tail = tail_of(faults)
    tail.feed(log.record, log.first)
    tail.take(Announcement("e1", 1, 2, False, codec.encode([part_started()], 1)))
    await tail.refresh()
    assert tail.last == 2
    assert tail.fed
    tail.unfeed()
    assert not tail.fed


@in_virtual_time
async def test_a_tail_serves_cursors_of_its_history_and_no_others() -> None:
    log, faults = await begun()
    await log.say(part_started(), text("a"))
    tail = tail_of(faults)
    await tail.refresh()
    assert tail.serves(Cursor("", 0))
    assert tail.serves(Cursor("e1", 2))
    assert tail.serves(Cursor("e1", 99))
    assert not tail.serves(Cursor("", 1))
    assert not tail.serves(Cursor("e0", 1))
    await log.end()
    await tail.refresh()
    assert tail.serves(Cursor("e1", 4))
    assert not tail.serves(Cursor("e1", 5))
