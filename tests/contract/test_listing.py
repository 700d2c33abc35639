"""Listing jobs: newest first, page by page, and stable while jobs come and go."""

from __future__ import annotations

import pytest

from streamsvc.errors import FieldInvalid
from streamsvc.store.base import JobQuery, Scope
from streamsvc.v1 import job_pb2
from tests.support.stores import StoreUnderTest
from tests.support.writing import BEGAN_MS, DIGEST, REQUEST, Writer, a_job, batch

PENDING, RUNNING, COMPLETED = job_pb2.JOB_STATUS_PENDING, job_pb2.JOB_STATUS_RUNNING, job_pb2.JOB_STATUS_COMPLETED

ADA = Scope("ada")


async def _add(sut: StoreUnderTest, number: int, owner: str = "ada", conversation_id: str = "c1") -> Writer:
    """Create the job of this number, a second after the one before it."""
    job = a_job(sut, f"{number:032x}", owner=owner, conversation_id=conversation_id)
    job.create_time.FromMilliseconds(BEGAN_MS + 1000 * number)
    created = await sut.store.create(job, REQUEST, batch(f"e{number}", 0, "a"), digest=DIGEST, ttl=sut.times.ttl)
    assert created.lease is not None
    return Writer(sut.store, created.lease, job, said=["a"])


async def _list(sut: StoreUnderTest, query: JobQuery) -> tuple[list[int], str]:
    """Return the numbers of the jobs on a page, and the next page's token."""
    page = await sut.store.list(query)
    return [int(job.id, 16) for job in page.jobs], page.next_page_token


async def _all(sut: StoreUnderTest, scope: Scope = ADA, *statuses: int) -> list[int]:
    numbers, token = await _list(sut, JobQuery(scope, frozenset(statuses), page_size=1000))
    assert token == ""
    return numbers


async def test_no_jobs_are_one_empty_page(sut: StoreUnderTest) -> None:
    assert await _list(sut, JobQuery(ADA)) == ([], "")


async def test_jobs_are_listed_newest_first_as_they_stand(sut: StoreUnderTest) -> None:
    writers = [await _add(sut, number) for number in range(3)]
    await writers[0].say("b", "c")
    assert await _all(sut) == [2, 1, 0]
    page = await sut.store.list(JobQuery(ADA))
    assert page.jobs[2] == (await sut.store.get(writers[0].job.id)).job
    assert page.jobs[2].last_offset == 3


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7, 8])
async def test_pages_add_up_to_the_whole_list(sut: StoreUnderTest, size: int) -> None:
    for number in range(7):
        await _add(sut, number)
    numbers, token = await _list(sut, JobQuery(ADA, page_size=size))
    pages = [numbers]
    while token:
        numbers, token = await _list(sut, JobQuery(ADA, page_size=size, page_token=token))
        pages.append(numbers)
    assert [number for page in pages for number in page] == [6, 5, 4, 3, 2, 1, 0]
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert pages[-1]


async def test_jobs_are_listed_by_owner_and_by_conversation(sut: StoreUnderTest) -> None:
    await _add(sut, 0, "ada", "c1")
    await _add(sut, 1, "ada", "c2")
    await _add(sut, 2, "ben", "c2")
    await _add(sut, 3, "ben", "")
    assert await _all(sut, Scope(owner="ada")) == [1, 0]
    assert await _all(sut, Scope(owner="ada", conversation_id="c2")) == [1]
    assert await _all(sut, Scope(owner="ben", conversation_id="c2")) == [2]
    assert await _all(sut, Scope(owner="ada", conversation_id="c3")) == []
    assert await _all(sut, Scope(owner="nobody")) == []
    assert await _all(sut, Scope(owner="ben", conversation_id="")) == [3]


async def test_jobs_of_the_same_moment_are_listed_by_their_ids(sut: StoreUnderTest) -> None:
    for number in (2, 0, 3, 1):
        job = a_job(sut, f"{number:032x}")
        await sut.store.create(job, REQUEST, batch(f"e{number}", 0, "a"), digest=DIGEST, ttl=sut.times.ttl)
    numbers, token = await _list(sut, JobQuery(ADA, page_size=3))
    assert numbers == [3, 2, 1]
    assert await _list(sut, JobQuery(ADA, page_size=3, page_token=token)) == ([0], "")


async def test_a_job_that_was_put_back_has_the_place_it_had(sut: StoreUnderTest) -> None:
    writers = [await _add(sut, number) for number in range(3)]
    await sut.lose(writers[1].job.id, 0, 0)
    await sut.store.restore(writers[1].lease, writers[1].copy())
    assert await _all(sut) == [2, 1, 0]


async def test_jobs_are_listed_by_status(sut: StoreUnderTest) -> None:
    writers = [await _add(sut, number) for number in range(4)]
    await sut.store.append(writers[1].lease, writers[1].next_batch("b"), job=writers[1].job_with(RUNNING))
    await writers[2].end()
    assert await _all(sut, ADA, PENDING) == [3, 0]
    assert await _all(sut, ADA, RUNNING) == [1]
    assert await _all(sut, ADA, COMPLETED, RUNNING) == [2, 1]
    assert await _all(sut, ADA, job_pb2.JOB_STATUS_FAILED) == []


async def test_pages_go_through_the_filters(sut: StoreUnderTest) -> None:
    for number in range(8):
        writer = await _add(sut, number, owner="ada" if number % 2 else "ben")
        if number == 3:
            await writer.end()
    query = JobQuery(Scope(owner="ada"), frozenset({PENDING}), page_size=2)
    numbers, token = await _list(sut, query)
    assert numbers == [7, 5]
    query = JobQuery(Scope(owner="ada"), frozenset({PENDING}), page_size=2, page_token=token)
    assert await _list(sut, query) == ([1], "")


async def test_a_full_page_that_is_the_last_one_has_no_token(sut: StoreUnderTest) -> None:
    for number in range(4):
        await _add(sut, number)
    _, token = await _list(sut, JobQuery(ADA, page_size=2))
    assert await _list(sut, JobQuery(ADA, page_size=2, page_token=token)) == ([1, 0], "")


async def test_pages_stay_as_they_are_while_jobs_are_added(sut: StoreUnderTest) -> None:
    for number in range(4):
        await _add(sut, number)
    first, token = await _list(sut, JobQuery(ADA, page_size=2))
    await _add(sut, 4)
    await _add(sut, 5)
    assert (first, await _list(sut, JobQuery(ADA, page_size=2, page_token=token))) == ([3, 2], ([1, 0], ""))


async def test_the_next_page_is_found_when_the_job_it_follows_is_gone(sut: StoreUnderTest) -> None:
    writers = [await _add(sut, number) for number in range(5)]
    _, token = await _list(sut, JobQuery(ADA, page_size=2))
    await sut.store.delete(writers[3].job.id)
    await sut.store.delete(writers[1].job.id)
    assert await _list(sut, JobQuery(ADA, page_size=2, page_token=token)) == ([2, 0], "")


async def test_deleted_and_expired_jobs_are_not_listed(sut: StoreUnderTest) -> None:
    writers = [await _add(sut, number) for number in range(3)]
    await writers[0].end()
    await sut.store.delete(writers[1].job.id)
    assert await _all(sut) == [2, 0]
    await sut.advance(sut.times.retention * 1.1)
    assert await _all(sut) == [2]
    await sut.advance(sut.times.safety)
    assert await _all(sut) == []


@pytest.mark.parametrize("token", ["x", "²", "\x00", "9" * 5000])
async def test_a_token_of_somebody_else_is_an_invalid_field(sut: StoreUnderTest, token: str) -> None:
    await _add(sut, 0)
    with pytest.raises(FieldInvalid) as raised:
        await sut.store.list(JobQuery(ADA, page_token=token))
    assert [violation.field for violation in raised.value.violations] == ["page_token"]


async def test_changing_a_listed_job_does_not_change_the_store(sut: StoreUnderTest) -> None:
    await _add(sut, 0)
    page = await sut.store.list(JobQuery(ADA))
    page.jobs[0].owner = "somebody else"
    assert await _all(sut, Scope(owner="ada")) == [0]
