"""Claims: who holds a conversation, changed in one step by whoever knows who holds it."""

from __future__ import annotations

from tests.support.stores import StoreUnderTest
from tests.support.writing import JOB, OTHER


async def _claim(sut: StoreUnderTest, job_id: str, over: str = "", owner: str = "ada", conversation: str = "c") -> str:
    return await sut.store.claim(owner, conversation, job_id, over=over)


async def test_a_conversation_that_nobody_holds_is_claimed(sut: StoreUnderTest) -> None:
    assert await _claim(sut, JOB) == JOB
    assert await _claim(sut, JOB) == JOB


async def test_a_claim_is_refused_to_a_second_and_names_the_first(sut: StoreUnderTest) -> None:
    await _claim(sut, JOB)
    assert await _claim(sut, OTHER) == JOB
    assert await _claim(sut, OTHER, over="somebody else") == JOB


async def test_a_claim_is_taken_over_from_the_one_who_is_named(sut: StoreUnderTest) -> None:
    await _claim(sut, JOB)
    assert await _claim(sut, OTHER, over=JOB) == OTHER
    assert await _claim(sut, JOB) == OTHER


async def test_a_claim_over_somebody_is_refused_when_nobody_holds_it(sut: StoreUnderTest) -> None:
    assert await _claim(sut, OTHER, over=JOB) == ""
    assert await _claim(sut, OTHER) == OTHER


async def test_letting_go_is_for_the_holder(sut: StoreUnderTest) -> None:
    await _claim(sut, JOB)
    assert await _claim(sut, "", over=OTHER) == JOB
    assert await _claim(sut, "", over=JOB) == ""
    assert await _claim(sut, OTHER) == OTHER


async def test_each_owner_and_each_conversation_is_apart(sut: StoreUnderTest) -> None:
    assert await _claim(sut, JOB) == JOB
    assert await _claim(sut, OTHER, owner="ben") == OTHER
    assert await _claim(sut, OTHER, conversation="d") == OTHER
    assert await _claim(sut, "x") == JOB


async def test_asking_who_holds_it_changes_nothing(sut: StoreUnderTest) -> None:
    assert await _claim(sut, "", over="") == ""
    await _claim(sut, JOB)
    assert await _claim(sut, "", over="") == JOB
    assert await _claim(sut, OTHER) == JOB
