"""Appending: all at once, under the next offsets, and safe to repeat."""

from __future__ import annotations

import pytest

from streamsvc.log import Cursor
from streamsvc.store.base import Lease
from streamsvc.v1 import job_pb2
from tests.support.stores import StoreUnderTest
from tests.support.writing import (
    JOB,
    OTHER,
    REQUEST,
    batch,
    begin,
    read_all,
    take_over,
    texts_of,
    unchanged,
)


async def test_what_is_appended_is_read_in_order_under_the_next_offsets(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a", "b")
    said = await writer.say("c", "d")
    chunk = await read_all(sut.store)
    assert texts_of(chunk.frames) == ["a", "b", "c", "d"]
    assert (chunk.after, chunk.last, chunk.end, chunk.closed) == (0, 4, 4, False)
    assert chunk.frames.endswith(said.frames)


async def test_an_append_moves_the_jobs_offset_and_update_time(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    said = await writer.say("b", "c")
    record = await sut.store.get(JOB)
    assert record.job.last_offset == 3
    assert record.job.update_time.ToMilliseconds() == said.time_ms
    assert record.job.epoch == writer.lease.epoch
    assert not record.closed


async def test_an_append_answers_with_the_lease_as_it_stands(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    before = writer.lease
    await writer.say("b")
    assert writer.lease == before == Lease(JOB, "first", before.fence, sut.times.ttl)


async def test_an_append_renews_the_lease(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.advance(sut.times.ttl * 0.7)
    await writer.say("b")
    await sut.advance(sut.times.ttl * 0.7)
    assert JOB not in await sut.store.abandoned()


async def test_an_append_after_the_lease_ran_out_is_taken_and_renews_it(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.advance(sut.times.ttl * 1.5)
    await writer.say("b")
    await unchanged(writer)
    assert JOB not in await sut.store.abandoned()


async def test_repeating_the_newest_batch_stores_it_once(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    said = await writer.say("b", "c")
    assert await sut.store.append(writer.lease, said) == writer.lease
    await unchanged(writer)


async def test_repeating_the_first_batch_of_a_job_stores_it_once(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.append(writer.lease, batch("first", 0, "begun"))
    await unchanged(writer)


async def test_repeating_the_newest_batch_renews_nothing(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    said = await writer.say("b")
    await sut.advance(sut.times.ttl * 1.1)
    await sut.store.append(writer.lease, said)
    assert JOB in await sut.store.abandoned()


async def test_repeating_the_closing_batch_is_safe(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    final = await writer.end()
    again = await sut.store.append(writer.lease, final, job=writer.job)
    assert again == writer.lease
    await unchanged(writer)


async def test_repeating_the_closing_batch_is_safe_after_the_lease_ran_out(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    final = await writer.end()
    await sut.advance(sut.times.ttl * 1.1)
    await sut.store.append(writer.lease, final, job=writer.job)
    await unchanged(writer)


async def test_the_newest_batch_is_recognised_before_the_fence_is_looked_at(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    said = await old.say("b")
    await take_over(sut)
    await sut.store.append(old.lease, said)
    await unchanged(old)


@pytest.mark.parametrize(
    "status", [job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED, job_pb2.JOB_STATUS_CANCELLED]
)
async def test_a_final_status_closes_the_log(sut: StoreUnderTest, status: job_pb2.JobStatus.ValueType) -> None:
    writer = await begin(sut)
    await writer.end(status)
    record = await sut.store.get(JOB)
    assert record.closed
    assert (record.job.status, record.job.last_offset) == (status, 2)
    assert (await read_all(sut.store)).closed
    assert JOB not in await sut.store.abandoned()


async def test_a_job_that_is_given_replaces_the_old_one_but_its_place_in_the_log(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    job = writer.job_with(job_pb2.JOB_STATUS_RUNNING)
    job.metadata["title"] = "T"
    job.epoch, job.last_offset = "another", 99
    await sut.store.append(writer.lease, writer.next_batch("b"), job=job)
    job.metadata["title"] = "changed by the caller afterwards"
    found = (await sut.store.get(JOB)).job
    assert (found.status, found.metadata["title"]) == (job_pb2.JOB_STATUS_RUNNING, "T")
    assert (found.epoch, found.last_offset) == ("first", 2)


async def test_an_append_without_a_job_leaves_it_as_it_is(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    running = writer.job_with(job_pb2.JOB_STATUS_RUNNING)
    await sut.store.append(writer.lease, writer.next_batch("b"), job=running)
    writer.said.append("b")
    await writer.say("c")
    found = (await sut.store.get(JOB)).job
    assert (found.status, found.owner) == (job_pb2.JOB_STATUS_RUNNING, "ada")
    assert found.retention == running.retention


async def test_notes_are_replaced_by_those_of_the_newest_append_that_has_some(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.say("b", notes=b"one")
    await writer.say("c", notes=b"two")
    await writer.say("d")
    assert (await take_over(sut)).notes == b"two"


async def test_notes_can_be_emptied(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.say("b", notes=b"one")
    await writer.say("c", notes=b"")
    assert (await take_over(sut)).notes == b""


async def test_the_closing_append_erases_request_and_notes(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.say("b", notes=b"secret")
    assert await sut.private(JOB) == (REQUEST, b"secret")
    await sut.store.append(
        writer.lease, writer.next_batch("c"), job=writer.job_with(job_pb2.JOB_STATUS_COMPLETED), notes=b"late secret"
    )
    assert await sut.private(JOB) == (b"", b"")


async def test_an_append_tells_of_a_cancel(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.request_cancel(JOB, "enough")
    said = await writer.say("b")
    assert (writer.lease.cancel_requested, writer.lease.cancel_reason) == (True, "enough")
    again = await sut.store.append(writer.lease, said)
    assert again.cancel_requested


async def test_jobs_do_not_disturb_each_other(sut: StoreUnderTest) -> None:
    one, other = await begin(sut, "a"), await begin(sut, "b", job_id=OTHER, epoch="second")
    await one.say("c")
    await other.end()
    assert texts_of((await read_all(sut.store, JOB, Cursor("first", 1))).frames) == ["c"]
    assert texts_of((await read_all(sut.store, OTHER)).frames) == ["b", "the end"]
    await one.say("d")
    await unchanged(one)
