"""Checkpoints: a state beside the log, so that the log may forget its beginning."""

from __future__ import annotations

import pytest

from streamsvc.errors import JobDeleted, JobNotFound, LeaseLost, LogClosed
from streamsvc.log import Cursor
from streamsvc.store.base import LogLost
from streamsvc.v1 import state_pb2
from tests.support.stores import StoreUnderTest
from tests.support.writing import JOB, begin, numbers, read_all, state_at, take_over, texts_of


async def _kept(sut: StoreUnderTest) -> state_pb2.JobState:
    found = await sut.store.read_checkpoint(JOB)
    assert found is not None
    return found


async def test_a_new_job_has_no_checkpoint(sut: StoreUnderTest) -> None:
    await begin(sut)
    assert await sut.store.read_checkpoint(JOB) is None


async def test_a_checkpoint_is_kept_with_the_epoch_it_was_made_in(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a", "b")
    state = state_at(2, "a", "b")
    state.job.owner = "ada"
    await sut.store.checkpoint(writer.lease, state, trim=False)
    expected = state_pb2.JobState()
    expected.CopyFrom(state)
    expected.job.epoch = "first"
    state.Clear()
    assert await _kept(sut) == expected


async def test_the_cursor_of_a_checkpoint_is_good_after_a_takeover(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a", "b")
    await sut.store.checkpoint(writer.lease, state_at(2), trim=True)
    new = await take_over_trimmed(sut)
    kept = await _kept(sut)
    assert (kept.job.epoch, kept.offset) == ("first", 2)
    chunk = await read_all(sut.store, cursor=Cursor(kept.job.epoch, kept.offset))
    assert (chunk.epoch, chunk.frames) == (new, b"")


async def take_over_trimmed(sut: StoreUnderTest) -> str:
    """Take the job over and return the new epoch; its log cannot be read from the beginning."""
    await sut.advance(sut.times.ttl * 1.1)
    return (await sut.store.acquire(JOB, sut.times.ttl)).lease.epoch


async def test_without_trim_every_event_stays(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 3))
    await sut.store.checkpoint(writer.lease, state_at(3), trim=False)
    assert texts_of((await read_all(sut.store)).frames) == numbers(1, 3)


async def test_a_newer_checkpoint_replaces_an_older_one(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a")
    await sut.store.checkpoint(writer.lease, state_at(1), trim=True)
    await writer.say("b")
    await sut.store.checkpoint(writer.lease, state_at(2), trim=False)
    assert (await _kept(sut)).offset == 2


async def test_a_late_checkpoint_does_not_replace_a_newer_one(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a")
    await writer.say("b")
    await writer.say("c")
    await sut.store.checkpoint(writer.lease, state_at(2), trim=True)
    await sut.store.checkpoint(writer.lease, state_at(1), trim=True)
    kept = await _kept(sut)
    assert kept.offset == 2
    assert texts_of((await read_all(sut.store, cursor=Cursor("first", kept.offset))).frames) == ["c"]


async def test_a_checkpoint_does_not_renew_the_lease(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.advance(sut.times.ttl * 0.7)
    await sut.store.checkpoint(writer.lease, state_at(1), trim=False)
    await sut.advance(sut.times.ttl * 0.7)
    assert JOB in await sut.store.abandoned()


async def test_a_fenced_writer_leaves_no_checkpoint(sut: StoreUnderTest) -> None:
    old = await begin(sut, "a")
    await take_over(sut)
    with pytest.raises(LeaseLost):
        await sut.store.checkpoint(old.lease, state_at(1), trim=True)
    assert await sut.store.read_checkpoint(JOB) is None
    assert texts_of((await read_all(sut.store)).frames) == ["a"]


async def test_a_checkpoint_beyond_the_end_of_the_log_tells_of_a_loss(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a")
    await writer.say("b")
    await sut.lose(JOB, 1, writer.lease.fence)
    with pytest.raises(LogLost):
        await sut.store.checkpoint(writer.lease, state_at(2), trim=True)
    assert await sut.store.read_checkpoint(JOB) is None


async def test_a_checkpoint_of_a_lost_takeover_tells_of_a_loss(sut: StoreUnderTest) -> None:
    old = await begin(sut, "a")
    new = await take_over(sut)
    await sut.lose(JOB, 1, old.lease.fence)
    with pytest.raises(LogLost):
        await sut.store.checkpoint(new.lease, state_at(1), trim=True)


async def test_a_checkpoint_of_a_missing_job_tells_of_a_loss(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a")
    await sut.lose(JOB, 0, 0)
    with pytest.raises(LogLost):
        await sut.store.checkpoint(writer.lease, state_at(1), trim=False)
    with pytest.raises(JobNotFound) as raised:
        await sut.store.read_checkpoint(JOB)
    assert not isinstance(raised.value, JobDeleted)


async def test_a_deleted_job_has_no_checkpoint_and_takes_none(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a")
    await sut.store.checkpoint(writer.lease, state_at(1), trim=False)
    await sut.store.delete(JOB)
    with pytest.raises(JobDeleted):
        await sut.store.checkpoint(writer.lease, state_at(1), trim=False)
    with pytest.raises(JobDeleted):
        await sut.store.read_checkpoint(JOB)


async def test_a_closed_log_takes_no_checkpoint_of_its_past(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a")
    await writer.end()
    with pytest.raises(LogClosed):
        await sut.store.checkpoint(writer.lease, state_at(1), trim=True)
    assert texts_of((await read_all(sut.store)).frames) == ["a", "the end"]


async def test_a_checkpoint_that_was_lost_is_gone_with_its_trim(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a")
    await writer.say("b")
    await sut.store.checkpoint(writer.lease, state_at(2), trim=True)
    await sut.lose(JOB, 1, writer.lease.fence)
    assert await sut.store.read_checkpoint(JOB) is None
    assert texts_of((await read_all(sut.store)).frames) == ["a"]
