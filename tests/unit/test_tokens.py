"""What was said counts against a token limit, whoever said it."""

from __future__ import annotations

from typing import Any

import pytest

from streamsvc.producers.tokens import TokenCount, count_of, lower_limit


def counted(*chunks: str, limit: int = 10) -> TokenCount:
    count = TokenCount(limit)
    for text in chunks:
        count.add(text)
    return count


@pytest.mark.parametrize(
    ("chunks", "said", "before_word"),
    [
        (["The", " capital", " of"], 3, 2),
        (["The", " cap", "ital"], 3, 1),
        (["The", " ", "1", "0"], 4, 1),
        (["The", "\n", "\n", "-"], 4, 1),
        (["The", " ", " cat", " "], 4, 1),
        (["The", "\n ", "\n-", " "], 4, 1),
        (["The", " cat sat", "."], 3, 1),
        (["The"], 1, 0),
        ([], 0, 0),
    ],
)
def test_tokens_before_the_last_word(chunks: list[str], said: int, before_word: int) -> None:
    count = counted(*chunks)
    assert (count.said, count.before_word) == (said, before_word)


def test_reasoning_counts() -> None:
    count = TokenCount(10)
    count.add_reasoning()
    count.add("Yes")
    count.add(" is")
    assert (count.said, count.before_word) == (3, 2)


@pytest.mark.parametrize(
    ("beginning", "tail", "said"), [("The capital", " of", 2), ("The capital of", "", 3), ("", "The capital of", 0)]
)
def test_the_next_attempt_counts_on_from_its_beginning(beginning: str, tail: str, said: int) -> None:
    assert counted("The", " capital", " of").going_on(beginning, tail).said == said


def test_a_note_is_read_back() -> None:
    note = counted("The", " capital", " of").note()
    count = count_of(note, {"max_tokens": 10, "extra_body": {}})
    assert count is not None
    assert (count.said, count.before_word) == (3, 2)


@pytest.mark.parametrize(("limit", "chunks"), [(1, 1), (127, 1), (640, 10), (6400, 100)])
def test_a_note_is_due_with_each_64th_of_the_limit(limit: int, chunks: int) -> None:
    count = counted(*["a"] * (chunks - 1), limit=limit)
    assert not count.due
    count.add("a")
    assert count.due
    count.note()
    assert not count.due


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ({"max_tokens": 10}, {"max_tokens": 7}),
        ({"extra_body": {"max_completion_tokens": 10}}, {"extra_body": {"max_completion_tokens": 7}}),
        ({"max_tokens": 2}, {"max_tokens": 1}),
        ({"extra_body": {"max_tokens": "many"}}, {"extra_body": {"max_tokens": "many"}}),
        ({}, {}),
    ],
)
def test_a_limit_is_lowered_by_what_was_said(arguments: dict[str, Any], left: dict[str, Any]) -> None:
    given: dict[str, Any] = {"extra_body": {}, **arguments}
    lower_limit(given, 3)
    assert given == {"extra_body": {}, **left}


def test_without_a_limit_nothing_is_counted() -> None:
    assert count_of(b"", {"extra_body": {"max_tokens": None}}) is None
