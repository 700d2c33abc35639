"""Restoring: the living writer puts back what the store lost, and every cursor stays as good as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamsvc.errors import JobNotFound, LeaseLost, LogClosed, RequestIdReused
from streamsvc.log import START, Cursor, EpochEnd
from streamsvc.store.base import LogLost, Unservable
from streamsvc.v1 import job_pb2
from tests.support.stores import StoreUnderTest
from tests.support.writing import (
    DIGEST,
    JOB,
    REQUEST,
    a_job,
    batch,
    begin,
    numbers,
    read_all,
    state_at,
    take_over,
    texts_of,
    unchanged,
)


async def test_a_missing_job_is_put_back_whole(sut: StoreUnderTest) -> None:
    await begin(sut, *numbers(1, 2))
    writer = await take_over(sut)
    await writer.say("t3", notes=b"notes")
    writer.notes = b"notes"
    before = await sut.store.get(JOB)
    await sut.lose(JOB, 0, 0)
    assert await sut.store.restore(writer.lease, writer.copy()) == writer.lease
    found = await sut.store.get(JOB)
    assert (found.job, found.chain, found.fence) == (before.job, before.chain, before.fence)
    assert await sut.private(JOB) == (REQUEST, b"notes")
    await unchanged(writer)
    await writer.say("t4")
    await unchanged(writer)


async def test_cursors_are_good_as_before_when_a_missing_job_was_put_back(sut: StoreUnderTest) -> None:
    await begin(sut, *numbers(1, 2))
    writer = await take_over(sut)
    await writer.say("t3")
    await sut.lose(JOB, 0, 0)
    await sut.store.restore(writer.lease, writer.copy())
    for cursor in (START, Cursor("first", 2), writer.cursor):
        assert texts_of((await read_all(sut.store, cursor=cursor)).frames) == writer.said[cursor.offset :]
    with pytest.raises(Unservable):
        await read_all(sut.store, cursor=Cursor("first", 3))


async def test_a_lost_tail_is_put_back_and_cursors_stay_good(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 2))
    await writer.say(*numbers(3, 4))
    await writer.say("t5")
    await sut.lose(JOB, 2, writer.lease.fence)
    with pytest.raises(LogLost):
        await writer.say("t6")
    await sut.store.restore(writer.lease, writer.copy())
    await unchanged(writer)
    for offset in range(6):
        chunk = await read_all(sut.store, cursor=Cursor("first", offset))
        assert texts_of(chunk.frames) == numbers(offset + 1, 5)
    await writer.say("t6")
    await unchanged(writer)


async def test_of_a_copy_that_begins_with_a_state_what_the_store_has_left_is_kept(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 3))
    await writer.say(*numbers(4, 5))
    await sut.lose(JOB, 3, writer.lease.fence)
    await sut.store.restore(writer.lease, writer.copy(after=2))
    await unchanged(writer)
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", 1))).frames) == numbers(2, 5)
    assert await sut.store.read_checkpoint(JOB) is None


async def test_a_copy_that_begins_behind_what_is_left_becomes_a_checkpoint(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 2))
    await writer.say(*numbers(3, 4))
    await writer.say(*numbers(5, 6))
    await sut.lose(JOB, 2, writer.lease.fence)
    await sut.store.restore(writer.lease, writer.copy(after=4))
    kept = await sut.store.read_checkpoint(JOB)
    expected = state_at(4, *numbers(1, 4))
    expected.job.epoch = "first"
    assert kept == expected
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", 4))).frames) == numbers(5, 6)
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", 5))).frames) == numbers(6, 6)
    for cursor in (START, Cursor("first", 2), Cursor("first", 3)):
        with pytest.raises(Unservable):
            await read_all(sut.store, cursor=cursor)


async def test_a_missing_job_is_put_back_from_a_state_and_frames(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 4))
    await sut.lose(JOB, 0, 0)
    await sut.store.restore(writer.lease, writer.copy(after=3))
    kept = await sut.store.read_checkpoint(JOB)
    assert kept is not None
    assert (kept.offset, kept.job.epoch) == (3, "first")
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", 3))).frames) == ["t4"]
    await writer.say("t5")
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", 3))).frames) == ["t4", "t5"]


async def test_a_missing_job_is_put_back_from_a_state_alone(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 4))
    await sut.lose(JOB, 0, 0)
    await sut.store.restore(writer.lease, writer.copy(after=4))
    assert (await read_all(sut.store, cursor=writer.cursor)).frames == b""
    assert (await sut.store.get(JOB)).job.last_offset == 4
    await writer.say("t5")
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", 4))).frames) == ["t5"]


async def test_a_lost_takeover_is_put_back_over_the_former_writers_log(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 2))
    seen = old.cursor
    new = await take_over(sut)
    await new.say("t3")
    await sut.lose(JOB, 2, old.lease.fence)
    with pytest.raises(LogLost):
        await sut.store.renew(new.lease, new.last)
    await sut.store.restore(new.lease, new.copy())
    found = await sut.store.get(JOB)
    assert (found.fence, found.chain) == (new.lease.fence, (EpochEnd("first", 2),))
    await unchanged(new)
    assert texts_of((await read_all(sut.store, cursor=seen)).frames) == ["t3"]
    with pytest.raises(LeaseLost):
        await old.say("x")


async def test_what_the_former_writer_said_after_the_loss_is_void_and_never_mixed(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 2))
    new = await take_over(sut)
    await new.say("t3")
    await sut.lose(JOB, 2, old.lease.fence)
    await old.say("old t3", "old t4", "old t5")
    stale = old.cursor
    await sut.store.restore(new.lease, new.copy())
    await unchanged(new)
    for cursor in (stale, Cursor("first", 3)):
        with pytest.raises(Unservable):
            await read_all(sut.store, cursor=cursor)


async def test_a_checkpoint_of_what_is_void_is_gone_with_it(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 2))
    new = await take_over(sut)
    await new.say("t3")
    await sut.lose(JOB, 2, old.lease.fence)
    await old.say("old t3")
    await sut.store.checkpoint(old.lease, state_at(3), trim=True)
    await sut.store.restore(new.lease, new.copy())
    assert await sut.store.read_checkpoint(JOB) is None
    await unchanged(new)
    await sut.store.checkpoint(new.lease, state_at(2), trim=False)
    assert await sut.store.read_checkpoint(JOB) is not None


async def test_repeating_a_restore_puts_everything_back_once(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 2))
    await writer.say("t3")
    await sut.lose(JOB, 2, writer.lease.fence)
    for _ in range(2):
        await sut.store.restore(writer.lease, writer.copy())
    await unchanged(writer)


async def test_a_batch_that_was_under_way_may_be_retried_after_a_restore(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 2))
    await writer.say("t3")
    under_way = writer.next_batch("t4", "t5")
    await sut.lose(JOB, 2, writer.lease.fence)
    await sut.store.restore(writer.lease, writer.copy())
    for _ in range(2):
        await sut.store.append(writer.lease, under_way)
    assert texts_of((await read_all(sut.store)).frames) == numbers(1, 5)


async def test_a_restore_renews_the_lease(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 2))
    await writer.say("t3")
    await sut.lose(JOB, 2, writer.lease.fence)
    await sut.advance(sut.times.ttl * 0.7)
    await sut.store.restore(writer.lease, writer.copy())
    await sut.advance(sut.times.ttl * 0.7)
    assert await sut.store.abandoned() == []
    await sut.advance(sut.times.ttl * 0.7)
    assert await sut.store.abandoned() == [JOB]


async def test_what_was_put_back_is_kept_as_long_as_any_job(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.lose(JOB, 0, 0)
    await sut.store.restore(writer.lease, writer.copy())
    await sut.advance(sut.times.safety * 0.8)
    await unchanged(writer)
    await sut.advance(sut.times.safety * 0.3)
    with pytest.raises(JobNotFound):
        await sut.store.get(JOB)


async def test_a_lost_end_is_put_back_and_closes_the_log(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "t1")
    await writer.end()
    await sut.lose(JOB, 1, writer.lease.fence)
    assert not (await sut.store.get(JOB)).closed
    await sut.store.restore(writer.lease, writer.copy())
    assert (await sut.store.get(JOB)).closed
    assert await sut.private(JOB) == (b"", b"")
    assert await sut.store.abandoned() == []
    await unchanged(writer)
    await sut.advance(sut.times.retention * 1.1)
    with pytest.raises(JobNotFound):
        await sut.store.get(JOB)


async def test_an_ended_job_that_went_missing_is_put_back_closed(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "t1")
    await writer.end()
    await sut.lose(JOB, 0, 0)
    await sut.store.restore(writer.lease, writer.copy())
    assert (await sut.store.get(JOB)).job.status == job_pb2.JOB_STATUS_COMPLETED
    assert (await read_all(sut.store)).closed
    with pytest.raises(LogClosed):
        await sut.store.acquire(JOB, sut.times.ttl)


async def test_what_was_put_back_can_be_taken_over_with_all_its_next_writer_needs(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "t1")
    await sut.lose(JOB, 0, 0)
    await sut.store.restore(writer.lease, replace(writer.copy(), notes=b"notes"))
    new = await take_over(sut)
    assert (new.request, new.notes, new.said) == (REQUEST, b"notes", ["t1"])
    assert new.lease.fence > writer.lease.fence
    assert new.chain == (EpochEnd("first", 1),)


async def test_a_repeated_create_is_recognised_after_a_restore(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.lose(JOB, 0, 0)
    await sut.store.restore(writer.lease, writer.copy())
    again = await sut.store.create(a_job(sut), REQUEST, batch("x", 0, "a"), digest=DIGEST, ttl=sut.times.ttl)
    assert again.lease is None
    with pytest.raises(RequestIdReused):
        await sut.store.create(a_job(sut), b"other", batch("y", 0, "a"), digest=b"other", ttl=sut.times.ttl)
    await unchanged(writer)


async def test_how_often_a_job_lost_its_writer_is_put_back_with_it(sut: StoreUnderTest) -> None:
    await begin(sut)
    await take_over(sut)
    writer = await take_over(sut)
    await sut.lose(JOB, 0, 0)
    await sut.store.restore(writer.lease, replace(writer.copy(), losses=2))
    assert (await sut.store.get(JOB)).losses == 2
