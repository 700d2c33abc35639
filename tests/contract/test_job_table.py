"""Jobs: created once, cancelled by the first who asks, deleted for good, forgotten in time."""

from __future__ import annotations

import pytest

from streamsvc.errors import JobDeleted, JobNotFound, RequestIdReused
from streamsvc.store.base import LogLost
from streamsvc.v1 import job_pb2
from tests.support.stores import StoreUnderTest
from tests.support.writing import (
    DIGEST,
    JOB,
    OTHER,
    REQUEST,
    a_job,
    batch,
    begin,
    read_all,
    take_over,
    texts_of,
    unchanged,
)


async def _gone(sut: StoreUnderTest, job_id: str = JOB) -> None:
    """Check that nothing is known of a job, not even that it was deleted."""
    with pytest.raises(JobNotFound) as raised:
        await sut.store.get(job_id)
    assert not isinstance(raised.value, JobDeleted)


async def test_create_makes_the_job_its_first_events_and_a_lease_in_one_step(sut: StoreUnderTest) -> None:
    job = a_job(sut)
    job.labels["app"] = "chat"
    first = batch("first", 0, "a", "b")
    created = await sut.store.create(job, REQUEST, first, digest=DIGEST, ttl=sut.times.ttl)
    assert created.lease is not None
    lease, record = created.lease, created.record
    assert (lease.job_id, lease.epoch, lease.ttl, lease.cancel_requested) == (JOB, "first", sut.times.ttl, False)
    assert record == await sut.store.get(JOB)
    assert (record.chain, record.fence, record.losses, record.cancel_requested) == ((), lease.fence, 0, False)
    job.epoch, job.last_offset = "first", 2
    job.update_time.FromMilliseconds(first.time_ms)
    assert record.job == job
    assert texts_of((await read_all(sut.store)).frames) == ["a", "b"]
    assert await sut.store.abandoned() == []
    assert await sut.private(JOB) == (REQUEST, b"")


async def test_a_store_keeps_copies(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    record = await sut.store.get(JOB)
    owner = record.job.owner
    writer.job.owner = record.job.owner = "somebody else"
    assert (await sut.store.get(JOB)).job.owner == owner


async def test_repeating_a_create_finds_the_job_as_it_stands(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a")
    await writer.say("b")
    again = batch("another", 0, "a")
    created = await sut.store.create(a_job(sut), REQUEST, again, digest=DIGEST, ttl=sut.times.ttl)
    assert created.lease is None
    assert created.record == await sut.store.get(JOB)
    assert created.record.job.epoch == "first"
    await unchanged(writer)
    await writer.say("c")


async def test_repeating_a_create_finds_an_ended_job_too(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a")
    await writer.end()
    created = await sut.store.create(a_job(sut), REQUEST, batch("x", 0, "a"), digest=DIGEST, ttl=sut.times.ttl)
    assert created.lease is None
    assert created.record.closed


async def test_repeating_a_create_does_not_renew_the_lease(sut: StoreUnderTest) -> None:
    await begin(sut)
    await sut.advance(sut.times.ttl * 0.7)
    await sut.store.create(a_job(sut), REQUEST, batch("x", 0, "a"), digest=DIGEST, ttl=sut.times.ttl)
    await sut.advance(sut.times.ttl * 0.7)
    assert await sut.store.abandoned() == [JOB]


async def test_another_request_under_the_same_id_is_refused(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    with pytest.raises(RequestIdReused) as raised:
        await sut.store.create(a_job(sut), b"other", batch("x", 0, "a"), digest=b"other", ttl=sut.times.ttl)
    assert raised.value.metadata["job_id"] == JOB
    await unchanged(writer)


async def test_the_digest_is_compared_after_takeovers_too(sut: StoreUnderTest) -> None:
    await begin(sut)
    writer = await take_over(sut)
    with pytest.raises(RequestIdReused):
        await sut.store.create(a_job(sut), b"other", batch("x", 0, "a"), digest=b"other", ttl=sut.times.ttl)
    await unchanged(writer)


async def test_what_never_was_is_not_found(sut: StoreUnderTest) -> None:
    await _gone(sut)
    with pytest.raises(JobNotFound):
        await sut.store.request_cancel(JOB, "enough")


async def test_the_first_reason_to_cancel_stays(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    job = await sut.store.request_cancel(JOB, "first")
    await sut.store.request_cancel(JOB, "second")
    assert (job.id, job.status) == (JOB, job_pb2.JOB_STATUS_PENDING)
    assert (await sut.store.get(JOB)).cancel_requested
    assert (await sut.store.renew(writer.lease, 1)).cancel_reason == "first"


async def test_cancelling_without_a_reason_is_cancelling_too(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.request_cancel(JOB, "")
    await sut.store.request_cancel(JOB, "second")
    lease = await sut.store.renew(writer.lease, 1)
    assert (lease.cancel_requested, lease.cancel_reason) == (True, "")


async def test_cancelling_changes_neither_the_log_nor_the_lease(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.request_cancel(JOB, "enough")
    await unchanged(writer)
    await writer.say("last words")
    assert await sut.store.abandoned() == []


async def test_an_ended_job_is_returned_as_it_is_to_whoever_cancels_it(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.end()
    job = await sut.store.request_cancel(JOB, "too late")
    assert job == (await sut.store.get(JOB)).job
    assert job.status == job_pb2.JOB_STATUS_COMPLETED
    assert not (await sut.store.get(JOB)).cancel_requested


async def test_a_deleted_job_is_met_by_everybody(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.say("b")
    await sut.store.delete(JOB)
    with pytest.raises(JobDeleted):
        await sut.store.get(JOB)
    with pytest.raises(JobDeleted):
        await read_all(sut.store)
    with pytest.raises(JobDeleted):
        await writer.say("c")
    with pytest.raises(JobDeleted):
        await sut.store.restore(writer.lease, writer.copy())
    with pytest.raises(JobDeleted):
        await begin(sut)
    with pytest.raises(JobDeleted):
        await sut.store.request_cancel(JOB, "enough")
    assert await sut.store.abandoned() == []


async def test_an_ended_job_can_be_deleted(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.end()
    await sut.store.delete(JOB)
    with pytest.raises(JobDeleted):
        await sut.store.get(JOB)


async def test_deleting_what_is_not_there_leaves_no_tombstone(sut: StoreUnderTest) -> None:
    await sut.store.delete(JOB)
    await _gone(sut)
    await begin(sut)


async def test_deleting_what_has_expired_leaves_no_tombstone(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.end()
    await sut.advance(sut.times.retention * 1.1)
    await sut.store.delete(JOB)
    await _gone(sut)


async def test_deleting_again_does_not_prolong_the_tombstone(sut: StoreUnderTest) -> None:
    await begin(sut)
    await sut.store.delete(JOB)
    await sut.advance(sut.times.tombstone * 0.7)
    await sut.store.delete(JOB)
    await sut.advance(sut.times.tombstone * 0.5)
    await _gone(sut)


async def test_a_tombstone_outlives_the_retention_and_ends(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.delete(JOB)
    await sut.advance(max(sut.times.retention, sut.times.safety) * 1.1)
    with pytest.raises(JobDeleted):
        await writer.say("b")
    await sut.advance(sut.times.tombstone)
    await _gone(sut)
    with pytest.raises(LogLost):
        await writer.say("b")
    again = await begin(sut, "again", epoch="after the tombstone")
    await unchanged(again)


async def test_an_ended_job_is_forgotten_after_its_retention(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.end()
    await sut.advance(sut.times.retention * 0.8)
    await unchanged(writer)
    await sut.advance(sut.times.retention * 0.3)
    await _gone(sut)
    with pytest.raises(JobNotFound):
        await read_all(sut.store)
    with pytest.raises(LogLost):
        await sut.store.renew(writer.lease, writer.last)


async def test_a_job_that_runs_is_forgotten_when_nobody_writes_it_for_the_safety_time(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.advance(sut.times.safety * 0.8)
    await unchanged(writer)
    await sut.advance(sut.times.safety * 0.3)
    await _gone(sut)
    assert await sut.store.abandoned() == []


async def test_appends_and_renewals_keep_a_job_that_runs(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    for _ in range(3):
        await sut.advance(sut.times.safety * 0.7)
        await writer.say("on")
        await sut.advance(sut.times.safety * 0.7)
        await sut.store.renew(writer.lease, writer.last)
    await unchanged(writer)


async def test_a_takeover_keeps_a_job_that_runs(sut: StoreUnderTest) -> None:
    await begin(sut)
    await sut.advance(sut.times.safety * 0.7)
    writer = await take_over(sut)
    await sut.advance(sut.times.safety * 0.7)
    await unchanged(writer)


async def test_a_retention_of_its_own_is_kept(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    writer.job.retention.FromTimedelta(sut.times.retention * 3)
    await writer.end()
    await sut.advance(sut.times.retention * 2)
    await unchanged(writer)
    await sut.advance(sut.times.retention * 1.1)
    await _gone(sut)


async def test_a_forgotten_job_may_be_made_again_with_another_request(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.end()
    await sut.advance(sut.times.retention * 1.1)
    created = await sut.store.create(a_job(sut), b"x", batch("again", 0, "new"), digest=b"x", ttl=sut.times.ttl)
    assert created.lease is not None
    assert (created.record.chain, created.record.losses) == ((), 0)
    assert texts_of((await read_all(sut.store)).frames) == ["new"]


async def test_nothing_is_left_of_jobs_that_ended_were_deleted_or_given_up(sut: StoreUnderTest) -> None:
    for number in range(30):
        writer = await begin(sut, job_id=f"{number:032x}")
        await writer.say("b", notes=b"notes")
        if number % 3 == 0:
            await writer.end()
        elif number % 3 == 1:
            await sut.store.delete(writer.job.id)
        await sut.advance(sut.times.ttl * 0.1)
    await sut.advance(sut.times.safety + sut.times.tombstone)
    await _gone(sut, OTHER)
    assert await sut.leftovers() == 0
