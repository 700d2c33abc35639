"""Job ids: sortable by time, or the same for the same request and for no other."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamsvc.ids import is_job_id, job_id_of_answers, job_id_of_request, new_job_id

TIMES = st.integers(0, 2**48 - 1)
CHANCE = st.binary(min_size=10, max_size=10)


@given(TIMES, CHANCE)
def test_a_new_id_is_a_uuid_of_version_7(unix_ms: int, random: bytes) -> None:
    job_id = new_job_id(unix_ms, random)
    assert is_job_id(job_id)
    found = uuid.UUID(job_id)
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == unix_ms


@given(TIMES, TIMES, CHANCE, CHANCE)
def test_new_ids_sort_by_time(one: int, other: int, random: bytes, more: bytes) -> None:
    if one < other:
        assert new_job_id(one, random) < new_job_id(other, more)


def test_all_chance_but_version_and_variant_is_kept() -> None:
    assert new_job_id(0, b"\xff" * 10) == "0000000000007fffbfffffffffffffff"
    assert new_job_id(2**48 - 1, b"\x00" * 10) == "ffffffffffff70008000000000000000"


@pytest.mark.parametrize("size", [0, 9, 11])
def test_ten_bytes_of_chance_are_needed(size: int) -> None:
    with pytest.raises(ValueError, match="ten random bytes"):
        new_job_id(0, b"x" * size)


@pytest.mark.parametrize("text", ["", "my-job", "0" * 31, "0" * 33, "0" * 31 + "G", "0" * 31 + "A", "0" * 32 + "\n"])
def test_other_texts_are_no_job_ids(text: str) -> None:
    assert not is_job_id(text)


@given(st.text(), st.text(), st.text())
def test_a_request_always_has_the_same_id(tenant: str, owner: str, request_id: str) -> None:
    job_id = job_id_of_request(tenant, owner, request_id)
    assert is_job_id(job_id)
    assert job_id == job_id_of_request(tenant, owner, request_id)


@given(st.tuples(st.text("ab"), st.text("ab"), st.text("ab")), st.tuples(st.text("ab"), st.text("ab"), st.text("ab")))
def test_two_requests_never_share_an_id(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (job_id_of_request(*one) == job_id_of_request(*other)) == (one == other)


def test_the_id_of_a_request_stays_what_it_was() -> None:
    assert job_id_of_request("t", "ada", "r-1") == "26fad3386c2bb241cb2ace02de019833"


@given(st.tuples(st.text("ab"), st.text("ab"), st.text("ab")))
def test_answers_never_share_an_id_with_a_request(request: tuple[str, str, str]) -> None:
    previous = "0" * 32
    assert is_job_id(job_id_of_answers(previous))
    assert job_id_of_answers(previous) not in (job_id_of_request(*request), job_id_of_answers("1" * 32))
    assert job_id_of_answers(previous) != job_id_of_request("answers", previous, "")


def test_the_id_of_answers_stays_what_it_was() -> None:
    assert job_id_of_answers("0" * 32) == "8ca9e1b9dff388b7c7fabab4d485af07"
