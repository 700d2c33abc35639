"""Reading: the cursor is judged, and what follows it is read, in one step."""

from __future__ import annotations

import pytest

from streamsvc import codec
from streamsvc.errors import JobDeleted, JobNotFound
from streamsvc.log import START, Cursor, EpochEnd
from streamsvc.store.base import Unservable
from tests.support.stores import StoreUnderTest
from tests.support.writing import (
    EVERYTHING,
    JOB,
    Writer,
    acquired,
    begin,
    frames,
    numbers,
    read_all,
    state_at,
    take_over,
    texts_of,
)


async def _three_epochs(sut: StoreUnderTest) -> tuple[Writer, Writer, Writer]:
    """Write the events 1 to 3, 4 to 5 and 6 to 8 in three epochs."""
    first = await begin(sut, *numbers(1, 3))
    second = await take_over(sut)
    await second.say(*numbers(4, 5))
    third = await take_over(sut)
    await third.say(*numbers(6, 8))
    return first, second, third


async def test_a_chunk_tells_epoch_and_chain_beside_the_frames(sut: StoreUnderTest) -> None:
    first, second, third = await _three_epochs(sut)
    chunk = await read_all(sut.store)
    assert chunk.epoch == third.lease.epoch
    assert chunk.chain == (EpochEnd(first.lease.epoch, 3), EpochEnd(second.lease.epoch, 5))
    assert chunk.frames == frames(0, *numbers(1, 8))
    assert [event.offset for event in codec.decode(chunk.frames)] == list(range(1, 9))


async def test_a_cursor_is_good_in_the_present_epoch_and_up_to_the_end_of_each_old_one(sut: StoreUnderTest) -> None:
    writers = await _three_epochs(sut)
    for writer, end in zip(writers, (3, 5, 8), strict=True):
        for offset in range(end + 1):
            chunk = await read_all(sut.store, cursor=Cursor(writer.lease.epoch, offset))
            assert (chunk.after, chunk.last, chunk.end) == (offset, 8, 8)
            assert texts_of(chunk.frames) == numbers(offset + 1, 8)


async def test_a_cursor_beyond_the_end_of_its_epoch_cannot_be_served(sut: StoreUnderTest) -> None:
    first, second, _ = await _three_epochs(sut)
    for writer, end in ((first, 3), (second, 5)):
        for offset in (end + 1, 8, 9):
            with pytest.raises(Unservable):
                await read_all(sut.store, cursor=Cursor(writer.lease.epoch, offset))


@pytest.mark.parametrize("epoch", ["", "never heard of"])
async def test_a_cursor_without_a_known_epoch_is_good_at_the_beginning_only(sut: StoreUnderTest, epoch: str) -> None:
    await _three_epochs(sut)
    assert (await read_all(sut.store, cursor=Cursor(epoch, 0))).last == 8
    for offset in (1, 8, 9):
        with pytest.raises(Unservable):
            await read_all(sut.store, cursor=Cursor(epoch, offset))


async def test_at_the_end_of_an_open_log_there_is_nothing_to_read(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a", "b")
    chunk = await read_all(sut.store, cursor=writer.cursor)
    assert (chunk.frames, chunk.after, chunk.last, chunk.end, chunk.closed) == (b"", 2, 2, 2, False)


async def test_a_cursor_ahead_of_an_open_log_waits(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a", "b")
    chunk = await read_all(sut.store, cursor=Cursor(writer.lease.epoch, 5))
    assert (chunk.frames, chunk.end, chunk.closed) == (b"", 2, False)


async def test_a_cursor_at_the_end_of_a_closed_log_has_everything(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.end()
    chunk = await read_all(sut.store, cursor=writer.cursor)
    assert (chunk.frames, chunk.end, chunk.closed) == (b"", 2, True)


async def test_a_cursor_ahead_of_a_closed_log_cannot_be_served(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.end()
    with pytest.raises(Unservable):
        await read_all(sut.store, cursor=Cursor(writer.lease.epoch, 3))


@pytest.mark.parametrize("max_bytes", [0, 1, 20, 40, 60, 100, EVERYTHING])
async def test_a_read_is_bounded_but_gives_at_least_the_rest_of_one_append(sut: StoreUnderTest, max_bytes: int) -> None:
    writer = await begin(sut, *numbers(1, 2))
    for first, last in ((3, 3), (4, 7), (8, 8), (9, 12)):
        await writer.say(*numbers(first, last))
    for after in range(12):
        chunk = await sut.store.read(JOB, Cursor(writer.lease.epoch, after), max_bytes=max_bytes)
        end_of_append = next(last for last in (2, 3, 7, 8, 12) if last > after)
        assert texts_of(chunk.frames) == numbers(after + 1, chunk.last)
        assert (chunk.after, chunk.end) == (after, 12)
        assert chunk.last >= end_of_append
        assert len(chunk.frames) <= max_bytes or chunk.last == end_of_append


async def test_small_reads_one_after_the_other_give_the_whole_log(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 3))
    for number in range(4, 20):
        await writer.say(f"t{number}")
    cursor, said = START, list[str]()
    while cursor.offset < writer.last:
        chunk = await sut.store.read(JOB, cursor, max_bytes=50)
        said += texts_of(chunk.frames)
        cursor = Cursor(chunk.epoch, chunk.last)
    assert said == writer.said


async def test_that_a_log_is_closed_is_told_before_its_end_was_read(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a" * 100)
    await writer.say("b" * 100)
    await writer.end()
    chunk = await sut.store.read(JOB, START, max_bytes=1)
    assert (chunk.last, chunk.end, chunk.closed) == (1, 3, True)


async def test_an_unknown_job_is_not_found(sut: StoreUnderTest) -> None:
    with pytest.raises(JobNotFound) as raised:
        await read_all(sut.store)
    assert not isinstance(raised.value, JobDeleted)
    assert raised.value.metadata == {"job_id": JOB}


async def test_a_deleted_job_is_known_to_be_deleted(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.delete(JOB)
    for cursor in (START, writer.cursor):
        with pytest.raises(JobDeleted):
            await read_all(sut.store, cursor=cursor)


async def test_events_that_were_trimmed_cannot_be_served(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 2))
    await writer.say(*numbers(3, 4))
    await writer.say(*numbers(5, 6))
    await sut.store.checkpoint(writer.lease, state_at(4), trim=True)
    for cursor in (START, Cursor("first", 1), Cursor("first", 2), Cursor("unknown", 0)):
        with pytest.raises(Unservable):
            await read_all(sut.store, cursor=cursor)
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", 4))).frames) == numbers(5, 6)
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", 5))).frames) == numbers(6, 6)


async def test_a_log_that_was_trimmed_to_its_end_goes_on_from_there(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 2))
    await sut.store.checkpoint(writer.lease, state_at(2), trim=True)
    assert (await read_all(sut.store, cursor=writer.cursor)).frames == b""
    await writer.say("t3")
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", 2))).frames) == ["t3"]


async def test_a_takeover_without_a_loss_leaves_every_cursor_good(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 3))
    seen = old.cursor
    new = await take_over(sut)
    await new.say("t4")
    assert texts_of((await read_all(sut.store, cursor=seen)).frames) == ["t4"]


async def test_a_takeover_after_a_loss_cuts_off_what_was_lost(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 3))
    await old.say(*numbers(4, 5))
    await sut.lose(JOB, 3, old.lease.fence)
    new = await take_over(sut)
    await new.say("another t4", "another t5")
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", 3))).frames) == ["another t4", "another t5"]
    for offset in (4, 5):
        with pytest.raises(Unservable):
            await read_all(sut.store, cursor=Cursor("first", offset))


async def test_a_job_that_is_made_again_does_not_know_the_cursors_of_the_old_one(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 3))
    await sut.lose(JOB, 0, 0)
    await begin(sut, *numbers(1, 3), epoch="made again")
    with pytest.raises(Unservable):
        await read_all(sut.store, cursor=old.cursor)


async def test_what_is_read_under_a_new_epoch_is_what_was_written_under_the_old(sut: StoreUnderTest) -> None:
    first = await begin(sut, *numbers(1, 3))
    await sut.store.release(first.lease)
    taken = await acquired(sut.store, await sut.store.acquire(JOB, sut.times.ttl))
    assert taken.said == numbers(1, 3)
    assert (await read_all(sut.store)).epoch == taken.lease.epoch != first.lease.epoch
