"""Changes since a token: a lossless way to follow jobs beside the watches, which are hints."""

from __future__ import annotations

import pytest

from streamsvc.store.base import Changes, Scope
from streamsvc.v1 import job_pb2
from tests.support.stores import StoreUnderTest
from tests.support.writing import JOB, OTHER, a_job, batch, begin

ADA = Scope("ada")


def _ids(changes: Changes) -> set[str]:
    return {job.id for job in changes.jobs}


async def _since(sut: StoreUnderTest, token: str, scope: Scope = ADA) -> Changes:
    return await sut.store.changed_since(scope, token)


async def test_without_a_token_there_are_the_open_jobs(sut: StoreUnderTest) -> None:
    await begin(sut)
    ended = await begin(sut, job_id=OTHER, epoch="second")
    await ended.end()
    found = await _since(sut, "")
    assert list(found.jobs) == [(await sut.store.get(JOB)).job]
    assert (list(found.removed), found.reset) == ([], False)
    assert found.token


async def test_a_token_leads_to_what_changed_after_it_and_to_nothing_twice(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    token = (await _since(sut, "")).token
    assert _ids(await _since(sut, token)) == set()
    await begin(sut, job_id=OTHER, epoch="second")
    found = await _since(sut, token)
    assert _ids(found) == {OTHER}
    await writer.end()
    later = await _since(sut, found.token)
    assert list(later.jobs) == [(await sut.store.get(JOB)).job]
    assert _ids(await _since(sut, token)) == {JOB, OTHER}
    assert _ids(await _since(sut, later.token)) == set()


async def test_a_change_of_status_or_metadata_is_a_change(sut: StoreUnderTest) -> None:
    writer = await begin(sut)
    token = (await _since(sut, "")).token
    job = writer.job_with(job_pb2.JOB_STATUS_RUNNING)
    job.metadata["title"] = "T"
    await sut.store.append(writer.lease, writer.next_batch("b"), job=job)
    (changed,) = (await _since(sut, token)).jobs
    assert (changed.status, changed.metadata["title"]) == (job_pb2.JOB_STATUS_RUNNING, "T")


async def test_a_deleted_and_a_forgotten_job_are_gone(sut: StoreUnderTest) -> None:
    await begin(sut)
    ended = await begin(sut, job_id=OTHER, epoch="second")
    await ended.end()
    token = (await _since(sut, "")).token
    await sut.store.delete(JOB)
    found = await _since(sut, token)
    assert (_ids(found), list(found.removed)) == (set(), [JOB])
    await sut.advance(sut.times.retention * 1.1)
    await sut.store.abandoned()
    assert list((await _since(sut, found.token)).removed) == [OTHER]
    assert set((await _since(sut, token)).removed) == {JOB, OTHER}


async def test_only_the_jobs_of_the_scope_are_told_of(sut: StoreUnderTest) -> None:
    scopes = [Scope("ada"), Scope("ada", "c2"), Scope("ben"), Scope("ben", "c2"), Scope("cid")]
    tokens = [(await _since(sut, "", scope)).token for scope in scopes]
    for number, (owner, conversation) in enumerate([("ada", "c1"), ("ada", "c2"), ("ben", "c2")]):
        job = a_job(sut, f"{number:032x}", owner=owner, conversation_id=conversation)
        await sut.store.create(job, b"", batch(f"e{number}", 0, "a"), digest=b"", ttl=sut.times.ttl)
    for told in (tokens, [""] * 5):
        found = [await _since(sut, token, scope) for token, scope in zip(told, scopes, strict=True)]
        assert [len(_ids(changes)) for changes in found] == [2, 1, 1, 1, 0]
    await sut.store.delete(f"{2:032x}")
    found = [await _since(sut, token, scope) for token, scope in zip(tokens, scopes, strict=True)]
    assert [list(changes.removed) for changes in found] == [[], [], [f"{2:032x}"], [f"{2:032x}"], []]


@pytest.mark.parametrize("token", ["x", "never-1", "-", "9" * 5000])
async def test_a_token_that_cannot_be_served_resets(sut: StoreUnderTest, token: str) -> None:
    await begin(sut)
    found = await _since(sut, token)
    assert (_ids(found), found.reset) == ({JOB}, True)
    assert not (await _since(sut, found.token)).reset


async def test_a_job_that_was_made_again_is_not_gone(sut: StoreUnderTest) -> None:
    await begin(sut)
    token = (await _since(sut, "")).token
    await sut.advance(sut.times.safety * 1.1)
    await begin(sut, epoch="again")
    found = await _since(sut, token)
    assert (_ids(found), list(found.removed)) == ({JOB}, [])
