"""Restores that are refused or have nothing to do: what a store has and should keep is kept."""

from __future__ import annotations

import pytest

from streamsvc.errors import JobDeleted, LeaseLost, LogClosed
from tests.support.stores import StoreUnderTest
from tests.support.writing import (
    JOB,
    REQUEST,
    begin,
    numbers,
    take_over,
    unchanged,
    with_fence,
)


async def test_a_log_with_as_much_as_the_copy_is_left_alone(sut: StoreUnderTest) -> None:
    writer = await begin(sut, *numbers(1, 2))
    copy = writer.copy()
    await writer.say("t3", notes=b"newer")
    before = await sut.store.get(JOB)
    for late in (copy, writer.copy()):
        assert await sut.store.restore(writer.lease, late) == writer.lease
    assert await sut.store.get(JOB) == before
    assert await sut.private(JOB) == (REQUEST, b"newer")
    await unchanged(writer)


async def test_a_higher_fence_is_not_replaced(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 2))
    await old.say("t3")
    await sut.lose(JOB, 2, old.lease.fence)
    new = await take_over(sut)
    with pytest.raises(LeaseLost) as raised:
        await sut.store.restore(old.lease, old.copy())
    assert raised.value.metadata["last_offset"] == "2"
    await unchanged(new)
    await new.say("another t3")


async def test_the_same_fence_in_another_epoch_is_not_replaced(sut: StoreUnderTest) -> None:
    first = await begin(sut, *numbers(1, 2))
    one = await take_over(sut)
    await one.say(*numbers(3, 5))
    await sut.lose(JOB, 2, first.lease.fence)
    other = await take_over(sut)
    await other.say("another t3")
    assert one.lease.fence == other.lease.fence
    for after in (0, 1, 4):
        with pytest.raises(LeaseLost):
            await sut.store.restore(one.lease, one.copy(after))
    await unchanged(other)


async def test_a_closed_log_is_not_replaced(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 2))
    new = await take_over(sut)
    await new.say(*numbers(3, 5))
    await sut.lose(JOB, 2, old.lease.fence)
    await old.end()
    with pytest.raises(LogClosed) as raised:
        await sut.store.restore(new.lease, new.copy())
    assert raised.value.metadata["last_offset"] == "3"
    await unchanged(old)


async def test_a_deleted_job_is_not_put_back(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.delete(JOB)
    for lease in (writer.lease, with_fence(writer.lease, 1000)):
        with pytest.raises(JobDeleted):
            await sut.store.restore(lease, writer.copy())
    with pytest.raises(JobDeleted):
        await sut.store.get(JOB)


async def test_a_cancel_request_that_is_found_is_kept_and_told(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 2))
    await old.say("t3")
    await sut.lose(JOB, 2, old.lease.fence)
    await sut.store.request_cancel(JOB, "enough")
    lease = await sut.store.restore(old.lease, old.copy())
    assert (lease.cancel_requested, lease.cancel_reason) == (True, "enough")
    await unchanged(old)


async def test_a_cancel_request_under_a_lower_fence_is_kept_too(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 2))
    new = await take_over(sut)
    await sut.lose(JOB, 2, old.lease.fence)
    await sut.store.request_cancel(JOB, "enough")
    await sut.store.restore(new.lease, new.copy())
    assert (await sut.store.get(JOB)).cancel_requested
    assert (await sut.store.renew(new.lease, new.last)).cancel_reason == "enough"


async def test_a_cancel_request_is_told_even_if_nothing_was_lost(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.request_cancel(JOB, "enough")
    assert (await sut.store.restore(writer.lease, writer.copy())).cancel_requested


async def test_a_voided_writer_is_not_told_that_its_newest_batch_is_stored(sut: StoreUnderTest) -> None:
    old = await begin(sut, *numbers(1, 2))
    new = await take_over(sut)
    await new.say("t3")
    await sut.lose(JOB, 2, old.lease.fence)
    void = await old.say("old t3")
    await sut.store.restore(new.lease, new.copy())
    with pytest.raises(LeaseLost):
        await sut.store.append(old.lease, void)
    await unchanged(new)
