"""Jobs that processes outside the service write: they wait for a claim, are theirs for a grace, are stopped in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streamsvc.errors import LeaseHeld, LeaseLost, LogClosed
from streamsvc.store.base import Claim, Outside, WriterCall
from streamsvc.v1 import job_pb2
from tests.support.stores import StoreUnderTest
from tests.support.writing import DIGEST, JOB, OTHER, REQUEST, Writer, a_job, acquired, batch

CLAIM = Claim("one")
PRODUCER = "agent"


def mark(sut: StoreUnderTest) -> Outside:
    return Outside(claim_grace=sut.times.ttl * 2, cancel_grace=sut.times.ttl * 3, lease_ttl=sut.times.ttl)


async def begin(sut: StoreUnderTest, job_id: str = JOB, *, held: bool = True, claim: str = "") -> Writer:
    """Create a job of the producer, held by its creator or waiting."""
    job = a_job(sut, job_id)
    job.producer = PRODUCER
    created = await sut.store.create(
        job,
        REQUEST,
        batch(f"first of {job_id}", 0, "begun"),
        digest=DIGEST,
        ttl=sut.times.ttl if held else timedelta(),
        outside=mark(sut),
        claim=claim,
    )
    assert created.lease is not None
    assert created.record.outside == mark(sut)
    return Writer(sut.store, created.lease, job, said=["begun"])


async def test_the_mark_is_kept_and_tells_how_long_the_present_lease_lasts(sut: StoreUnderTest) -> None:
    await begin(sut, held=False)
    assert (await sut.store.get(JOB)).outside == mark(sut)
    taken = await sut.store.acquire(JOB, sut.times.ttl / 2, claim=CLAIM)
    assert taken.record.outside == Outside(mark(sut).claim_grace, mark(sut).cancel_grace, sut.times.ttl / 2)
    assert await sut.store.get(JOB) == taken.record


async def test_a_job_that_nobody_holds_waits_for_its_producer_alone(sut: StoreUnderTest) -> None:
    await begin(sut, held=False)
    assert await sut.store.waiting(PRODUCER) == await sut.store.waiting(PRODUCER, released=True) == [JOB]
    assert await sut.store.waiting("another") == []
    assert await sut.store.abandoned() == []
    with pytest.raises(LeaseHeld) as raised:
        await sut.store.acquire(JOB, sut.times.ttl)
    assert raised.value.retry_after is not None
    assert sut.times.ttl < raised.value.retry_after <= sut.times.ttl * 2


async def test_a_claimed_job_is_written_and_waits_no_more(sut: StoreUnderTest) -> None:
    await begin(sut, held=False)
    taken = await sut.store.acquire(JOB, sut.times.ttl, claim=CLAIM)
    assert (taken.request, taken.handed_over, taken.record.losses) == (REQUEST, True, 0)
    assert await sut.store.waiting(PRODUCER) == []
    writer = await acquired(sut.store, taken)
    await writer.say("a")
    await writer.end()
    await sut.advance(sut.times.ttl * 5)
    assert await sut.store.waiting(PRODUCER) == await sut.store.abandoned() == []


async def test_a_job_whose_lease_ran_out_waits_for_a_claim_and_is_abandoned_after_the_grace(
    sut: StoreUnderTest,
) -> None:
    await begin(sut)
    assert await sut.store.waiting(PRODUCER) == []
    await sut.advance(sut.times.ttl * 1.1)
    assert await sut.store.waiting(PRODUCER) == [JOB]
    assert await sut.store.waiting(PRODUCER, released=True) == await sut.store.abandoned() == []
    with pytest.raises(LeaseHeld):
        await sut.store.acquire(JOB, sut.times.ttl)
    await sut.advance(sut.times.ttl * 2)
    assert await sut.store.abandoned() == [JOB]
    taken = await sut.store.acquire(JOB, sut.times.ttl)
    assert taken.record.outside is not None
    assert taken.record.losses == 1


async def test_those_that_wait_longest_come_first(sut: StoreUnderTest) -> None:
    await begin(sut)
    await sut.advance(sut.times.ttl * 0.5)
    await begin(sut, OTHER)
    await sut.advance(sut.times.ttl * 1.1)
    assert await sut.store.waiting(PRODUCER) == [JOB, OTHER]
    assert await sut.store.waiting(PRODUCER) == [JOB, OTHER]


async def test_a_renewed_lease_keeps_a_job_from_waiting(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    for _ in range(4):
        await sut.advance(sut.times.ttl * 0.7)
        await sut.store.renew(writer.lease, 1)
        assert await sut.store.waiting(PRODUCER) == await sut.store.abandoned() == []
    with pytest.raises(LeaseHeld):
        await sut.store.acquire(JOB, sut.times.ttl, claim=CLAIM)


async def test_a_job_that_was_given_away_waits_and_that_is_said(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    async with sut.store.watch_calls() as calls:
        await begin(sut, OTHER, held=False)
        assert await anext(calls) == WriterCall(OTHER, released=True, producer=PRODUCER)
        await sut.store.release(writer.lease)
        assert await anext(calls) == WriterCall(JOB, released=True, producer=PRODUCER)
    assert set(await sut.store.waiting(PRODUCER, released=True)) == {JOB, OTHER}
    assert await sut.store.abandoned() == await sut.store.abandoned(released=True) == []
    await sut.advance(sut.times.ttl * 2.1)
    assert set(await sut.store.abandoned(released=True)) == {JOB, OTHER}


async def test_a_repeated_claim_gets_the_same_lease_and_another_one_is_refused(sut: StoreUnderTest) -> None:
    await begin(sut, held=False)
    first = await sut.store.acquire(JOB, sut.times.ttl, claim=CLAIM)
    await sut.advance(sut.times.ttl * 0.8)
    again = await sut.store.acquire(JOB, sut.times.ttl, claim=CLAIM)
    assert (again.lease, again.record, again.request) == (first.lease, first.record, first.request)
    await sut.advance(sut.times.ttl * 0.8)
    for other in (Claim("two"), Claim(), None):
        with pytest.raises(LeaseHeld):
            await sut.store.acquire(JOB, sut.times.ttl, claim=other)


async def test_the_creator_of_a_job_holds_it_under_its_own_claim(sut: StoreUnderTest) -> None:
    writer = await begin(sut, claim="creator")
    taken = await sut.store.acquire(JOB, sut.times.ttl, claim=Claim("creator", seizes=True))
    assert taken.lease == writer.lease
    assert taken.record.chain == ()


async def test_a_claim_without_a_name_is_never_a_repeat(sut: StoreUnderTest) -> None:
    await begin(sut)
    with pytest.raises(LeaseHeld):
        await sut.store.acquire(JOB, sut.times.ttl, claim=Claim())
    first = await sut.store.acquire(JOB, sut.times.ttl, claim=Claim(seizes=True))
    second = await sut.store.acquire(JOB, sut.times.ttl, claim=Claim(seizes=True))
    assert second.lease.fence > first.lease.fence > 1


async def test_who_seizes_a_job_fences_a_living_holder(sut: StoreUnderTest) -> None:
    writer = await begin(sut, claim="former")
    taken = await sut.store.acquire(JOB, sut.times.ttl, claim=Claim("latter", seizes=True))
    assert taken.lease.fence > writer.lease.fence
    with pytest.raises(LeaseLost):
        await writer.say("late")
    with pytest.raises(LeaseHeld):
        await sut.store.acquire(JOB, sut.times.ttl, claim=Claim("former"))


async def test_a_claim_is_over_when_its_holder_gives_the_job_away(sut: StoreUnderTest) -> None:
    writer = await begin(sut, claim="one")
    await sut.store.release(writer.lease)
    taken = await sut.store.acquire(JOB, sut.times.ttl, claim=CLAIM)
    assert taken.lease.fence > writer.lease.fence


async def test_what_a_claim_got_is_remembered_for_a_lease(sut: StoreUnderTest) -> None:
    await begin(sut, held=False)
    assert await sut.store.claimed("one") == ""
    await sut.store.acquire(JOB, sut.times.ttl, claim=CLAIM)
    assert await sut.store.claimed("one") == JOB
    assert await sut.store.claimed("two") == ""
    await sut.advance(sut.times.ttl * 1.1)
    assert await sut.store.claimed("one") == ""


async def test_an_ended_job_cannot_be_claimed_not_even_again(sut: StoreUnderTest) -> None:
    writer = await begin(sut, claim="one")
    await writer.end()
    with pytest.raises(LogClosed):
        await sut.store.acquire(JOB, sut.times.ttl, claim=Claim("one", seizes=True))


async def test_a_cancel_ends_the_grace(sut: StoreUnderTest) -> None:
    await begin(sut, held=False)
    await sut.store.request_cancel(JOB, "enough")
    assert await sut.store.abandoned() == await sut.store.abandoned(released=True) == [JOB]
    taken = await sut.store.acquire(JOB, sut.times.ttl)
    assert (taken.lease.cancel_requested, taken.lease.cancel_reason) == (True, "enough")


async def test_a_writer_that_does_not_answer_a_cancel_loses_the_job(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.request_cancel(JOB, "enough")
    for turn in range(4):
        await sut.advance(sut.times.ttl * 0.7)
        assert await sut.store.abandoned() == []
        await (writer.say(f"still {turn}") if turn % 2 else sut.store.renew(writer.lease, writer.last))
    await sut.advance(sut.times.ttl * 0.3)
    await sut.store.renew(writer.lease, writer.last)
    assert await sut.store.abandoned() == [JOB]
    await sut.store.acquire(JOB, sut.times.ttl)
    with pytest.raises(LeaseLost):
        await writer.say("late")


async def test_a_writer_that_answers_a_cancel_in_time_has_the_last_word(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.request_cancel(JOB, "enough")
    await sut.advance(sut.times.ttl * 0.9)
    await writer.end(job_pb2.JOB_STATUS_CANCELLED)
    await sut.advance(sut.times.ttl * 4)
    assert await sut.store.abandoned() == []


async def test_nothing_is_left_of_a_job_that_is_over(sut: StoreUnderTest) -> None:
    before = await sut.leftovers()
    await begin(sut, held=False)
    writer = await acquired(sut.store, await sut.store.acquire(JOB, sut.times.ttl, claim=CLAIM))
    await writer.end()
    await sut.advance(sut.times.retention + sut.times.safety)
    assert await sut.store.waiting(PRODUCER) == []
    assert await sut.leftovers() == before


async def test_a_create_that_found_another_job_does_not_lend_it_to_its_own_producer(sut: StoreUnderTest) -> None:
    await begin(sut)
    again = a_job(sut, JOB)
    again.producer = "another"
    created = await sut.store.create(
        again, REQUEST, batch("x", 0, "begun"), digest=DIGEST, ttl=timedelta(), outside=mark(sut)
    )
    assert created.lease is None
    await sut.advance(sut.times.ttl * 1.1)
    assert await sut.store.waiting("another") == []
    assert await sut.store.waiting(PRODUCER) == [JOB]


async def test_a_create_that_is_repeated_leaves_a_job_waiting(sut: StoreUnderTest) -> None:
    await begin(sut, held=False)
    job = a_job(sut, JOB)
    job.producer = PRODUCER
    await sut.store.create(job, REQUEST, batch("x", 0, "begun"), digest=DIGEST, ttl=timedelta(), outside=mark(sut))
    assert await sut.store.waiting(PRODUCER) == [JOB]
