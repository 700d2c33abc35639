"""Watches: hints that are live once entered, tell what was done, and leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest

from streamsvc.log import Cursor
from streamsvc.store.base import Announcement, JobChange, Scope, WriterCall
from streamsvc.v1 import job_pb2
from tests.support.stores import StoreUnderTest
from tests.support.writing import JOB, OTHER, a_job, batch, begin, frames, read_all, take_over, texts_of

V = TypeVar("V")
PATIENCE = 5.0


async def _heard(watch: AsyncIterator[V], wanted: Callable[[V], bool] = lambda _: True) -> V:
    """Return the first that is wanted: a watch may repeat itself and tell of other things too."""
    async with asyncio.timeout(PATIENCE):
        async for told in watch:
            if wanted(told):
                return told
    raise AssertionError("the watch ended")


async def test_an_append_is_announced_with_its_bytes(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch(JOB) as watch:
        said = await writer.say("b", "c")
        told = await _heard(watch)
    assert told == Announcement("first", 1, 3, False, said.frames)


async def test_appends_are_announced_in_order(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch(JOB) as watch:
        for text in ("b", "c", "d"):
            await writer.say(text)
        told = [await _heard(watch) for _ in range(3)]
    assert [(word.after, texts_of(word.frames)) for word in told] == [(1, ["b"]), (2, ["c"]), (3, ["d"])]


async def test_the_end_is_announced_as_the_end(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch(JOB) as watch:
        await writer.end()
        assert (await _heard(watch)).closed


async def test_an_append_of_a_new_writer_is_announced_under_its_epoch(sut: StoreUnderTest) -> None:
    await begin(sut)
    async with sut.store.watch(JOB) as watch:
        new = await take_over(sut)
        await new.say("b")
        told = await _heard(watch, lambda word: word.after == 1)
    assert told.epoch == new.lease.epoch


async def test_what_is_restored_is_announced(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.say("b")
    await sut.lose(JOB, 1, writer.lease.fence)
    async with sut.store.watch(JOB) as watch:
        await sut.store.restore(writer.lease, writer.copy())
        told = await _heard(watch)
    assert (told.epoch, told.last, told.closed, told.deleted) == ("first", 2, False, False)
    assert told.frames == frames(0, *writer.said)[-len(told.frames) :]


async def test_a_refused_append_is_not_announced(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    new = await take_over(sut)
    async with sut.store.watch(JOB) as watch:
        with pytest.raises(Exception, match="hands"):
            await old.say("late")
        await new.say("b")
        told = await _heard(watch)
    assert (told.epoch, texts_of(told.frames)) == (new.lease.epoch, ["b"])


async def test_other_jobs_are_not_heard(sut: StoreUnderTest) -> None:
    writer, other = await begin(sut), await begin(sut, job_id=OTHER, epoch="second")
    async with sut.store.watch(JOB) as watch:
        await other.say("not mine")
        await writer.say("mine")
        assert texts_of((await _heard(watch)).frames) == ["mine"]


async def test_a_deletion_is_announced(sut: StoreUnderTest) -> None:
    await begin(sut)
    async with sut.store.watch(JOB) as watch:
        await sut.store.delete(JOB)
        assert (await _heard(watch)).deleted


async def test_a_job_that_is_not_there_yet_can_be_watched(sut: StoreUnderTest) -> None:
    async with sut.store.watch(JOB) as watch:
        writer = await begin(sut)
        await writer.say("b")
        assert (await _heard(watch, lambda word: word.last == 2)).epoch == "first"


async def test_every_watch_of_a_job_hears(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch(JOB) as one, sut.store.watch(JOB) as other:
        await writer.say("b")
        assert await _heard(one) == await _heard(other)


async def test_waiting_may_be_cancelled_and_begun_again(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch(JOB) as watch:
        waiting = asyncio.ensure_future(anext(watch))
        await asyncio.wait([waiting], timeout=0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await writer.say("b")
        assert texts_of((await _heard(watch)).frames) == ["b"]


async def test_subscribing_reading_and_following_misses_nothing(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "t0")
    async with sut.store.watch(JOB) as watch:
        chunk = await read_all(sut.store)
        said, cursor = texts_of(chunk.frames), Cursor(chunk.epoch, chunk.last)
        for number in range(1, 200):
            await writer.say(f"t{number}")
            told = await _heard(watch)
            if (told.epoch, told.after) == cursor:
                said += texts_of(told.frames)
                cursor = Cursor(told.epoch, told.last)
        if cursor.offset < writer.last:
            said += texts_of((await read_all(sut.store, cursor=cursor)).frames)
    assert said == writer.said


async def test_a_watch_that_does_not_listen_holds_nobody_up(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch(JOB) as slow:
        async with asyncio.timeout(PATIENCE):
            for _ in range(500):
                await writer.say("b")
        assert (await _heard(slow)).after >= 1
    assert writer.last == 501


async def test_watches_are_gone_afterwards(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch(JOB) as watch, sut.store.watch(JOB), sut.store.watch_jobs(Scope("ada")):
        await writer.say("b")
        await _heard(watch)
        assert sut.open_watches() == 3
    with pytest.raises(ZeroDivisionError):
        async with sut.store.watch(JOB), sut.store.watch_jobs(Scope(owner="ada")):
            raise ZeroDivisionError
    assert sut.open_watches() == 0
    await writer.say("c")


def _of(job_id: str) -> Callable[[JobChange], bool]:
    return lambda change: change.job_id == job_id


async def test_a_new_job_is_heard_of_by_those_who_watch_its_owner_or_conversation(sut: StoreUnderTest) -> None:
    job = a_job(sut, owner="ada", conversation_id="c1")
    scopes = [Scope("ada"), Scope("ada", "c1")]
    for number, scope in enumerate(scopes):
        job.id = f"{number:032x}"
        async with sut.store.watch_jobs(scope) as watch:
            first = batch(f"e{number}", 0, "a")
            created = await sut.store.create(job, b"", first, digest=b"", ttl=sut.times.ttl)
            assert await _heard(watch, _of(job.id)) == JobChange(job.id, created.record.job)


async def test_jobs_of_others_are_not_heard_of(sut: StoreUnderTest) -> None:
    async with sut.store.watch_jobs(Scope(owner="ada")) as watch:
        await begin(sut, job_id=OTHER, owner="ben", epoch="second")
        await begin(sut, owner="ada")
        assert (await _heard(watch)).job_id == JOB


async def test_a_change_of_a_job_is_heard_of(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch_jobs(Scope(owner="ada")) as watch:
        running = writer.job_with(job_pb2.JOB_STATUS_RUNNING)
        await sut.store.append(writer.lease, writer.next_batch("b"), job=running)
        writer.said.append("b")
        told = await _heard(watch, lambda change: change.job is not None and change.job.last_offset == 2)
        assert told.job == (await sut.store.get(JOB)).job
        await writer.end()
        told = await _heard(watch, lambda change: change.job is not None and change.job.last_offset == 3)
        assert told.job is not None
        assert told.job.status == job_pb2.JOB_STATUS_COMPLETED


async def test_a_hand_over_is_heard_of(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch_jobs(Scope("ada")) as watch:
        await sut.store.release(writer.lease)
        assert (await _heard(watch)).job_id == JOB


async def test_a_deleted_job_is_heard_of_as_gone(sut: StoreUnderTest) -> None:
    await begin(sut)
    async with sut.store.watch_jobs(Scope(owner="ada")) as watch:
        await sut.store.delete(JOB)
        assert await _heard(watch, lambda change: change.job is None) == JobChange(JOB, None)


async def test_a_job_that_was_put_back_is_heard_of(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.lose(JOB, 0, 0)
    async with sut.store.watch_jobs(Scope(owner="ada")) as watch:
        await sut.store.restore(writer.lease, writer.copy())
        assert (await _heard(watch, lambda change: change.job is not None)).job_id == JOB


async def test_whoever_listens_for_calls_hears_who_is_asked_to_stop(sut: StoreUnderTest) -> None:
    await begin(sut)
    async with sut.store.watch_calls() as calls:
        await sut.store.request_cancel(JOB, "that is enough")
        assert await _heard(calls, lambda call: call.job_id == JOB) == WriterCall(JOB, "that is enough")


async def test_whoever_listens_for_calls_hears_what_is_given_away(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch_calls() as calls:
        await sut.store.release(writer.lease)
        assert await _heard(calls) == WriterCall(JOB, released=True)


async def test_an_ended_job_is_not_called(sut: StoreUnderTest) -> None:
    ended, other = await begin(sut), await begin(sut, job_id=OTHER, epoch="second")
    await ended.end()
    async with sut.store.watch_calls() as calls:
        await sut.store.request_cancel(JOB, "too late")
        await sut.store.release(other.lease)
        assert (await _heard(calls)).job_id == OTHER
