"""Appends that are refused: each with its reason, in one order, and without a trace in the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamsvc.errors import JobDeleted, LeaseLost, LogClosed, OffsetMismatch
from streamsvc.store.base import LogLost
from streamsvc.v1 import job_pb2
from tests.support.stores import StoreUnderTest
from tests.support.writing import (
    JOB,
    REQUEST,
    batch,
    begin,
    read_all,
    take_over,
    texts_of,
    unchanged,
    with_fence,
)


async def test_a_batch_of_the_same_offsets_in_another_epoch_is_no_repeat(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    late = old.next_batch("late")
    new = await take_over(sut)
    await new.say("b")
    with pytest.raises(LeaseLost):
        await sut.store.append(old.lease, late)
    await unchanged(new)


async def test_an_older_batch_mismatches_and_is_told_where_the_log_ends(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    older = await writer.say("b")
    await writer.say("c", "d")
    with pytest.raises(OffsetMismatch) as raised:
        await sut.store.append(writer.lease, older)
    assert raised.value.metadata["last_offset"] == "4"
    await unchanged(writer)


async def test_a_batch_that_overlaps_the_log_mismatches(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a", "b", "c")
    with pytest.raises(OffsetMismatch):
        await sut.store.append(writer.lease, batch("first", 2, "x", "y"))
    await unchanged(writer)


async def test_a_batch_beyond_the_end_of_the_log_tells_of_a_loss(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    with pytest.raises(LogLost):
        await sut.store.append(writer.lease, batch("first", 2, "x"))
    await unchanged(writer)


async def test_a_writer_whose_tail_was_lost_is_told_so(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.say("b")
    await sut.lose(JOB, 1, writer.lease.fence)
    with pytest.raises(LogLost):
        await writer.say("c")
    assert texts_of((await read_all(sut.store)).frames) == ["begun"]


async def test_a_writer_whose_takeover_was_lost_is_told_so(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    new = await take_over(sut)
    await sut.lose(JOB, 1, old.lease.fence)
    with pytest.raises(LogLost):
        await new.say("b")
    await unchanged(old)


async def test_a_writer_whose_job_is_missing_is_told_of_a_loss(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.lose(JOB, 0, 0)
    with pytest.raises(LogLost):
        await writer.say("b")


async def test_a_writer_whose_job_was_deleted_is_told_to_stop(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    said = await writer.say("b")
    await sut.store.delete(JOB)
    for late in (said, writer.next_batch("c")):
        with pytest.raises(JobDeleted):
            await sut.store.append(writer.lease, late)


async def test_a_fenced_writer_writes_nothing(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    new = await take_over(sut)
    with pytest.raises(LeaseLost) as raised:
        await old.say("b")
    assert raised.value.metadata["last_offset"] == "1"
    await unchanged(new)


async def test_the_same_fence_in_another_epoch_is_another_writer(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    with pytest.raises(LeaseLost):
        await sut.store.append(replace(writer.lease, epoch="other"), batch("other", 1, "x"))
    await unchanged(writer)


async def test_two_writers_who_got_the_same_fence_after_a_loss_do_not_mix(sut: StoreUnderTest) -> None:
    first = await begin(sut)
    one = await take_over(sut)
    await sut.lose(JOB, 1, first.lease.fence)
    other = await take_over(sut)
    assert one.lease.fence == other.lease.fence
    with pytest.raises(LeaseLost):
        await one.say("b")
    await other.say("c")
    with pytest.raises(LeaseLost):
        await one.say("b")
    await unchanged(other)


async def test_the_fence_is_checked_before_the_offset(sut: StoreUnderTest) -> None:
    old = await begin(sut, "a", "b")
    new = await take_over(sut)
    for after in (0, 1, 7):
        with pytest.raises(LeaseLost):
            await sut.store.append(old.lease, batch("first", after, "x"))
        with pytest.raises(LogLost):
            await sut.store.append(with_fence(new.lease, new.lease.fence + 1), batch(new.lease.epoch, after, "x"))
    await unchanged(new)


async def test_nothing_is_appended_to_a_closed_log(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    older = await writer.say("b")
    await writer.end()
    for late in (writer.next_batch("x"), older, batch("first", 7, "x")):
        with pytest.raises(LogClosed) as raised:
            await sut.store.append(writer.lease, late)
        assert raised.value.metadata["last_offset"] == "3"
    await unchanged(writer)


async def test_that_the_log_is_closed_is_told_before_the_fence(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    new = await take_over(sut)
    await new.end()
    with pytest.raises(LogClosed):
        await old.say("x")
    await unchanged(new)


async def test_that_the_log_is_closed_is_told_before_the_loss_of_a_takeover(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    new = await take_over(sut)
    await sut.lose(JOB, 1, old.lease.fence)
    await old.end()
    with pytest.raises(LogClosed):
        await new.say("x")
    await unchanged(old)


async def test_a_refused_append_changes_nothing_of_the_job(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    new = await take_over(sut)
    before = await sut.store.get(JOB)
    with pytest.raises(LeaseLost):
        await sut.store.append(
            old.lease, old.next_batch("x"), job=old.job_with(job_pb2.JOB_STATUS_FAILED), notes=b"of a fenced writer"
        )
    assert await sut.store.get(JOB) == before
    assert await sut.private(JOB) == (REQUEST, b"")
    await unchanged(new)
