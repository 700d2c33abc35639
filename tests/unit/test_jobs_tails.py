"""The tails of a process: one a job, followed without being asked, gone with the last user."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from streamsvc.jobs.tail import Tail
from streamsvc.jobs.tails import MIN_WINDOW_BYTES, Tails
from streamsvc.log import Cursor
from streamsvc.store.memory import MemoryStore
from tests.support.events import events_of, part_started, text
from tests.support.faulty_store import FaultyStore
from tests.support.lossy_memory import LossyMemoryStore
from tests.support.virtual_time import chance, in_virtual_time, now, settle
from tests.support.writing_log import Log, begin

POLL = timedelta(seconds=1)
DAY = timedelta(days=1)


class Kept:
    """The tails over a store with some jobs."""

    def __init__(self, windows_bytes: int = 1 << 20) -> None:
        self.inner = MemoryStore(clock=now, new_epoch=chance().new_epoch)
        self.faults = FaultyStore(self.inner)
        self.tails = Tails(self.faults.store, clock=now, poll_interval=POLL, windows_bytes=windows_bytes)

    async def log(self, number: int = 0) -> Log:
        """Begin a job."""
        return await begin(self.inner, f"{number:032x}")


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Leave nothing to the collector: what is in no cycle is freed at once."""
    gc.disable()
    yield
    gc.enable()


def held(tail: Tail) -> int:
    """Return how many bytes a tail holds."""
    return len(tail.read(tail.base, 1 << 30)[0])


@in_virtual_time
async def test_a_tail_follows_the_log_while_somebody_uses_it() -> None:
    kept = Kept()
    log = await kept.log()
    with kept.tails.open(log.job_id) as tail:
        await settle()
        await log.say(part_started(), text("a"))
        await settle()
        assert tail.last == 3
        await log.end()
        await settle()
        assert tail.closed


@in_virtual_time
async def test_users_of_a_job_share_its_tail_and_it_is_gone_with_the_last_of_them() -> None:
    kept = Kept()
    log = await kept.log()
    before = asyncio.all_tasks()
    with ExitStack() as users:
        first = users.enter_context(kept.tails.open(log.job_id))
        with kept.tails.open(log.job_id) as second:
            assert second is first
            await settle()
        assert kept.tails.knows(log.job_id)
        assert len(kept.tails) == 1
    assert not kept.tails.knows(log.job_id)
    assert len(kept.tails) == 0
    await settle()
    assert asyncio.all_tasks() == before


@pytest.mark.usefixtures("no_collector")
@in_virtual_time
async def test_a_tail_is_freed_with_its_last_user_and_not_by_a_later_collection() -> None:
    kept = Kept()
    log = await kept.log()
    with kept.tails.open(log.job_id) as tail:
        await settle()
        await log.say(part_started(), text("a"))
        await tail.refresh()
        await tail.snapshot()
    left = weakref.ref(tail)
    del tail
    await settle()
    assert left() is None


@in_virtual_time
async def test_what_was_not_heard_is_read_within_the_poll_interval() -> None:
    kept = Kept()
    kept.faults.deaf = True
    log = await kept.log()
    with kept.tails.open(log.job_id) as tail:
        await settle()
        await log.say(part_started())
        began = now()
        await tail.wait()
        assert tail.last == 2
        assert now() - began <= 1.0


@in_virtual_time
async def test_a_tail_follows_again_when_the_store_is_back() -> None:
    kept = Kept()
    log = await kept.log()
    with kept.tails.open(log.job_id) as tail:
        await settle()
        kept.faults.reachable = False
        await log.say(part_started())
        await asyncio.sleep(30)
        assert tail.unreachable_since is not None
        kept.faults.reachable = True
        await asyncio.sleep(1.1)
        assert tail.last == 2
        assert tail.unreachable_since is None


@in_virtual_time
async def test_a_watch_that_cannot_be_had_is_no_reason_not_to_read() -> None:
    kept = Kept()
    kept.faults.fail("watch", 10**6)
    log = await kept.log()
    with kept.tails.open(log.job_id) as tail:
        await settle()
        await log.say(part_started())
        await asyncio.sleep(1.1)
        assert tail.last == 2


@in_virtual_time
async def test_a_log_that_closes_needs_no_following_any_more() -> None:
    kept = Kept()
    log = await kept.log()
    with kept.tails.open(log.job_id):
        await settle()
        await log.end()
        await settle()
        reads = kept.faults.calls["read"]
        await asyncio.sleep(60)
        assert kept.faults.calls["read"] == reads


@in_virtual_time
async def test_a_log_whose_end_the_store_has_lost_is_followed_again() -> None:
    shared = LossyMemoryStore(clock=now, new_epoch=chance().new_epoch, safety_time=DAY, tombstone_time=DAY)
    tails = Tails(shared, clock=now, poll_interval=POLL, windows_bytes=1 << 20)
    log = await begin(shared, "0" * 32)
    with tails.open(log.job_id) as tail:
        await settle()
        await log.end()
        await settle()
        assert tail.closed
        await shared.lose(log.job_id, to_offset=1, fence=1)
        await tail.refresh()
        assert not tail.closed
        log.last = 1
        await log.say(part_started(), text("a"))
        await settle()
        assert tail.last == 3
        await log.end()
        await settle()
        assert tail.closed


@in_virtual_time
async def test_all_windows_together_have_one_bound() -> None:
    kept = Kept(windows_bytes=4 * MIN_WINDOW_BYTES)
    logs = [await kept.log(number) for number in range(4)]
    with ExitStack() as users:
        opened = [users.enter_context(kept.tails.open(log.job_id)) for log in logs]
        await settle()
        for _ in range(100):
            for log in logs:
                await log.say(text("x" * 4000))
            await settle()
        assert sum(held(tail) for tail in opened) <= 4 * MIN_WINDOW_BYTES
        assert all(held(tail) > MIN_WINDOW_BYTES // 2 for tail in opened)
        assert [events_of([tail.read(tail.last - 1, 1 << 20)[0]])[-1].offset for tail in opened] == [101] * 4


@in_virtual_time
async def test_a_changed_hand_is_followed() -> None:
    kept = Kept()
    log = await kept.log()
    with kept.tails.open(log.job_id) as tail:
        await settle()
        await log.say(part_started())
        await asyncio.sleep(11)
        other = await log.taken_over()
        await other.say(text("a"))
        await asyncio.sleep(1.1)
        assert tail.cursor == Cursor(other.lease.epoch, 3)
        assert tail.serves(Cursor("e1", 2))
        assert not tail.serves(Cursor("e1", 3))
