"""What each question's only answer rests on: of all who create one job with a request of their own, one has it."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.errors import JobDeleted, RequestIdReused
from streamsvc.store.base import Created
from tests.support.stores import StoreUnderTest
from tests.support.writing import DIGEST, a_job, batch, begin, read_all, texts_of

AT_ONCE = 20


async def _create(sut: StoreUnderTest, name: str) -> Created | RequestIdReused:
    """Create the job with a request of this name, or return why it was refused."""
    request = name.encode()
    try:
        return await sut.store.create(a_job(sut), request, batch(name, 0, name), digest=request, ttl=sut.times.ttl)
    except RequestIdReused as reused:
        return reused


async def test_of_all_who_create_one_job_at_once_one_has_it_and_the_others_are_told(sut: StoreUnderTest) -> None:
    found = await asyncio.gather(*(_create(sut, f"request {number}") for number in range(AT_ONCE)))
    (created,) = (one for one in found if isinstance(one, Created))
    assert sum(isinstance(one, RequestIdReused) for one in found) == AT_ONCE - 1
    assert created.lease is not None
    assert texts_of((await read_all(sut.store)).frames) == [created.lease.epoch]
    repeated = await _create(sut, created.lease.epoch)
    assert isinstance(repeated, Created)
    assert repeated.lease is None


async def test_whose_request_it_was_is_remembered_when_the_job_has_ended(sut: StoreUnderTest) -> None:
    await (await begin(sut)).end()
    assert isinstance(await _create(sut, "another"), RequestIdReused)
    again = await sut.store.create(a_job(sut), b"", batch("x", 0, "a"), digest=DIGEST, ttl=sut.times.ttl)
    assert again.lease is None


async def test_who_creates_it_after_it_was_deleted_is_told_so(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    await sut.store.delete(writer.job.id)
    with pytest.raises(JobDeleted):
        await _create(sut, "another")
