"""Leases: one writer at a time, a higher fence and a new epoch with each change of hands."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streamsvc.errors import JobDeleted, JobNotFound, LeaseHeld, LeaseLost, LogClosed
from streamsvc.log import EpochEnd
from streamsvc.store.base import LogLost
from tests.support.stores import StoreUnderTest
from tests.support.writing import JOB, OTHER, REQUEST, begin, take_over, unchanged


async def test_a_job_whose_lease_ran_out_can_be_acquired(sut: StoreUnderTest) -> None:
    old = await begin(sut, "a", "b")
    await old.say("c", notes=b"for the next")
    await sut.advance(sut.times.ttl * 1.1)
    taken = await sut.store.acquire(JOB, sut.times.ttl / 2)
    assert taken.lease.fence > old.lease.fence
    assert taken.lease.epoch != old.lease.epoch
    assert taken.lease.ttl == sut.times.ttl / 2
    assert (taken.record.job.epoch, taken.record.fence) == (taken.lease.epoch, taken.lease.fence)
    assert taken.record.chain == (EpochEnd("first", 3),)
    assert taken.record.job.last_offset == 3
    assert (taken.request, taken.notes, taken.handed_over) == (REQUEST, b"for the next", False)
    assert await sut.store.get(JOB) == taken.record


async def test_each_takeover_adds_the_epoch_before_it_with_the_end_it_found(sut: StoreUnderTest) -> None:
    first = await begin(sut, "a")
    second = await take_over(sut)
    third = await take_over(sut)
    await third.say("b")
    fourth = await take_over(sut)
    epochs = [writer.lease.epoch for writer in (first, second, third, fourth)]
    assert len(set(epochs)) == 4
    assert fourth.chain == tuple(map(EpochEnd, epochs[:3], (1, 1, 2)))


async def test_a_held_job_cannot_be_acquired_and_the_time_left_is_told(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.advance(sut.times.ttl * 0.3)
    with pytest.raises(LeaseHeld) as raised:
        await sut.store.acquire(JOB, sut.times.ttl)
    left = raised.value.retry_after
    assert left is not None
    assert timedelta(0) < left <= sut.times.ttl * 0.71
    await writer.say("b")
    await unchanged(writer)


async def test_what_was_acquired_is_held(sut: StoreUnderTest) -> None:
    await begin(sut)
    await take_over(sut)
    with pytest.raises(LeaseHeld):
        await sut.store.acquire(JOB, sut.times.ttl)


async def test_a_lease_lasts_as_long_as_was_asked_for(sut: StoreUnderTest) -> None:
    await begin(sut)
    await sut.advance(sut.times.ttl * 1.1)
    taken = await sut.store.acquire(JOB, sut.times.ttl * 3)
    await sut.advance(sut.times.ttl * 2)
    assert await sut.store.abandoned() == []
    await sut.store.renew(taken.lease, 1)
    await sut.advance(sut.times.ttl * 2)
    assert await sut.store.abandoned() == []
    await sut.advance(sut.times.ttl * 1.5)
    assert await sut.store.abandoned() == [JOB]


async def test_an_ended_job_cannot_be_acquired(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.end()
    for _ in range(2):
        with pytest.raises(LogClosed) as raised:
            await sut.store.acquire(JOB, sut.times.ttl)
        assert raised.value.metadata["last_offset"] == "2"
        await sut.advance(sut.times.ttl * 1.1)


async def test_what_is_not_there_cannot_be_acquired(sut: StoreUnderTest) -> None:
    with pytest.raises(JobNotFound) as raised:
        await sut.store.acquire(JOB, sut.times.ttl)
    assert not isinstance(raised.value, JobDeleted)
    await begin(sut)
    await sut.store.delete(JOB)
    with pytest.raises(JobDeleted):
        await sut.store.acquire(JOB, sut.times.ttl)


async def test_a_takeover_after_a_lease_that_ran_out_counts_as_a_loss(sut: StoreUnderTest) -> None:
    await begin(sut)
    assert (await sut.store.get(JOB)).losses == 0
    for losses in (1, 2):
        await take_over(sut)
        assert (await sut.store.get(JOB)).losses == losses


async def test_a_released_job_can_be_acquired_at_once_and_does_not_count_as_lost(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    await sut.store.release(old.lease)
    assert await sut.store.abandoned() == [JOB]
    taken = await sut.store.acquire(JOB, sut.times.ttl)
    assert (taken.handed_over, taken.record.losses) == (True, 0)
    assert taken.record.chain == (EpochEnd("first", 1),)
    with pytest.raises(LeaseLost):
        await old.say("b")


async def test_a_lease_that_was_released_after_it_ran_out_was_handed_over(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    await sut.advance(sut.times.ttl * 1.1)
    await sut.store.release(old.lease)
    taken = await sut.store.acquire(JOB, sut.times.ttl)
    assert (taken.handed_over, taken.record.losses) == (True, 0)


async def test_a_hand_over_is_good_for_one_takeover(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    await sut.store.release(old.lease)
    await sut.store.acquire(JOB, sut.times.ttl)
    await sut.advance(sut.times.ttl * 1.1)
    taken = await sut.store.acquire(JOB, sut.times.ttl)
    assert (taken.handed_over, taken.record.losses) == (False, 1)


async def test_only_the_holder_releases(sut: StoreUnderTest) -> None:
    old = await begin(sut)
    await take_over(sut)
    with pytest.raises(LeaseLost):
        await sut.store.release(old.lease)
    assert await sut.store.abandoned() == []


async def test_what_is_lost_closed_or_deleted_is_told_to_whoever_releases(sut: StoreUnderTest) -> None:
    lost, closed, deleted = [await begin(sut, job_id=str(n) * 32) for n in range(3)]
    await sut.lose(lost.job.id, 0, 0)
    await closed.end()
    await sut.store.delete(deleted.job.id)
    for writer, error in ((lost, LogLost), (closed, LogClosed), (deleted, JobDeleted)):
        with pytest.raises(error):
            await sut.store.release(writer.lease)


async def test_renewing_keeps_a_job_from_being_abandoned(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    for _ in range(4):
        await sut.advance(sut.times.ttl * 0.7)
        assert await sut.store.renew(writer.lease, 1) == writer.lease
    assert await sut.store.abandoned() == []
    await sut.advance(sut.times.ttl * 1.1)
    assert await sut.store.abandoned() == [JOB]


async def test_a_lease_that_ran_out_may_be_renewed_as_long_as_nobody_took_over(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.advance(sut.times.ttl * 1.1)
    await sut.store.renew(writer.lease, 1)
    with pytest.raises(LeaseHeld):
        await sut.store.acquire(JOB, sut.times.ttl)


async def test_renewing_says_what_appending_would_say_but_no_mismatch(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a", "b")
    await sut.store.renew(writer.lease, 0)
    await sut.store.renew(writer.lease, 1)
    with pytest.raises(LogLost):
        await sut.store.renew(writer.lease, 3)
    new = await take_over(sut)
    with pytest.raises(LeaseLost) as raised:
        await sut.store.renew(writer.lease, 2)
    assert raised.value.metadata["last_offset"] == "2"
    await sut.lose(JOB, 2, writer.lease.fence)
    with pytest.raises(LogLost):
        await sut.store.renew(new.lease, 2)
    await sut.lose(JOB, 0, 0)
    with pytest.raises(LogLost):
        await sut.store.renew(new.lease, 2)


async def test_renewing_a_deleted_job_is_told_to_stop(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.delete(JOB)
    with pytest.raises(JobDeleted):
        await sut.store.renew(writer.lease, 1)


async def test_renewing_after_the_final_event_tells_whether_it_is_still_there(sut: StoreUnderTest) -> None:
    writer = await begin(sut, "a", "b")
    await writer.end()
    assert await sut.store.renew(writer.lease, 3) == writer.lease
    with pytest.raises(LogClosed):
        await sut.store.renew(writer.lease, 2)
    await sut.lose(JOB, 2, writer.lease.fence)
    with pytest.raises(LogLost):
        await sut.store.renew(writer.lease, 3)


async def test_renewing_after_the_final_event_does_not_prolong_the_retention(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await writer.end()
    await sut.advance(sut.times.retention * 0.7)
    await sut.store.renew(writer.lease, 2)
    await sut.advance(sut.times.retention * 0.5)
    with pytest.raises(JobNotFound):
        await sut.store.get(JOB)


async def test_renew_and_acquire_tell_of_a_cancel(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.request_cancel(JOB, "enough")
    renewed = await sut.store.renew(writer.lease, 1)
    await sut.advance(sut.times.ttl * 1.1)
    taken = await sut.store.acquire(JOB, sut.times.ttl)
    for lease in (renewed, taken.lease):
        assert (lease.cancel_requested, lease.cancel_reason) == (True, "enough")
    assert taken.record.cancel_requested


async def test_open_jobs_without_a_holder_are_abandoned(sut: StoreUnderTest) -> None:
    ids = [str(n) * 32 for n in range(5)]
    lost, released, closed, deleted, held = [await begin(sut, job_id=job_id) for job_id in ids]
    assert await sut.store.abandoned() == []
    await closed.end()
    await sut.store.delete(deleted.job.id)
    await sut.store.release(released.lease)
    await sut.advance(sut.times.ttl * 0.7)
    await held.say("b")
    await sut.advance(sut.times.ttl * 0.7)
    assert set(await sut.store.abandoned()) == {lost.job.id, released.job.id}
    await sut.store.acquire(lost.job.id, sut.times.ttl)
    assert set(await sut.store.abandoned()) == {released.job.id}


async def test_those_that_were_given_away_can_be_asked_for_alone(sut: StoreUnderTest) -> None:
    lost, released = await begin(sut), await begin(sut, job_id=OTHER, epoch="second")
    await sut.store.release(released.lease)
    assert await sut.store.abandoned(released=True) == [OTHER]
    await sut.advance(sut.times.ttl * 1.1)
    assert set(await sut.store.abandoned()) == {lost.job.id, OTHER}
    assert await sut.store.abandoned(released=True) == [OTHER]
    await sut.store.acquire(OTHER, sut.times.ttl)
    assert await sut.store.abandoned(released=True) == []


async def test_taking_one_job_over_leaves_the_others_alone(sut: StoreUnderTest) -> None:
    await begin(sut)
    other = await begin(sut, job_id=OTHER, epoch="second")
    await take_over(sut)
    await other.say("b")
    await unchanged(other)
