"""What a model repeats where an answer goes on is dropped, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamsvc.producers.seam import Astray, Seam

FRANCE = "The capital of France"
LOIRE = f"{FRANCE} is on the Loire, not far from"


def after(tail: str, echo: str, *texts: str) -> list[str]:
    """Return what is new in each text, and at the end."""
    seam = Seam(tail, echo)
    new = [seam.take(text) for text in texts]
    return [*new, seam.end()]


def test_the_last_word_is_said_again() -> None:
    assert after(" is", FRANCE, " is", " Paris", ".") == ["", " Paris", ".", ""]


def test_the_last_word_was_half_a_word() -> None:
    assert after(" is Par", FRANCE, " is", " Paris", ".") == ["", "is", ".", ""]


def test_an_answer_that_was_asked_for_from_its_start() -> None:
    assert after("Par", "", "P", "aris", " is") == ["", "is", " is", ""]


@pytest.mark.parametrize("echo", [["The", " capital", " of", " France"], [FRANCE], ["The capital of Fran", "ce is it"]])
def test_an_echo_is_dropped(echo: list[str]) -> None:
    assert "".join(after("", FRANCE, *echo)) == ("" if echo[-1].endswith("France") else " is it")


@pytest.mark.parametrize("echo", [LOIRE, f" {LOIRE}", LOIRE.replace(" ", "  "), LOIRE.replace(" ", "\n")])
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_an_echo_may_differ_in_white_space(echo: str, piece: int) -> None:
    pieces = [echo[begin : begin + piece] for begin in range(0, len(echo), piece)]
    assert "".join(after(" the\n\n", LOIRE, *pieces, " the\n", "\nsea")) == "sea"
    assert "".join(after(" ", LOIRE, *pieces, " the")) == "the"


def test_what_only_begins_like_an_echo_is_shown() -> None:
    assert after("", FRANCE, "The", " Loire") == ["", "The Loire", ""]
    assert after("", FRANCE, "The") == ["", "The"]


def test_the_echo_of_a_repeated_word_is_told_by_the_space_before_it() -> None:
    assert "".join(after(" na", "na", " na", " na", " bat")) == " na bat"
    assert "".join(after(" na", "na", "na", " na", " bat")) == " bat"


@pytest.mark.parametrize(
    ("said", "space", "shown"),
    [
        (" ", " ", ""),
        (" ", "", ""),
        (" ", "\n\n", "\n\n"),
        ("\n", "\n", ""),
        ("\n", "\n\n", "\n"),
        ("\n\n", "\n", ""),
        ("\n", " ", ""),
        ("\n  ", "\n    ", "  "),
        ("", "  ", "  "),
        ("", "", ""),
    ],
)
def test_white_space_is_not_doubled(said: str, space: str, shown: str) -> None:
    for texts in ([space + "word"], [*space, "word"]):
        assert "".join(after(said, FRANCE, *texts)) == shown + "word"
    assert "".join(after(said, FRANCE, space)) == shown


@pytest.mark.parametrize("texts", [[" was"], ["The capital of Spain"], [" i", "t"], ["The capital of France was"]])
def test_something_else_is_astray(texts: list[str]) -> None:
    with pytest.raises(Astray):
        after(" is", FRANCE, *texts)


@pytest.mark.parametrize("texts", [[], [" "], [" i"], ["The capital of France"]])
def test_an_end_before_all_was_repeated_is_astray(texts: list[str]) -> None:
    with pytest.raises(Astray):
        after(" is", FRANCE, *texts)


@pytest.mark.parametrize(
    ("texts", "anew"),
    [
        (["Paris", " is"], True),
        (["The", " capital", " city"], True),
        (["The capital of France", " was"], False),
        (["Paris"], True),
        ([" Paris"], False),
        ([" was"], False),
        ([", Paris"], False),
        (["was"], False),
        ([], False),
    ],
)
def test_an_answer_that_is_begun_anew_is_told_from_another_word(texts: list[str], anew: bool) -> None:
    with pytest.raises(Astray) as caught:
        after(" is", FRANCE, *texts)
    assert caught.value.begun_anew == anew


def test_an_end_at_the_seam_is_none() -> None:
    assert after(" is", FRANCE, " is") == ["", ""]
    assert after("", FRANCE) == [""]


WORDS = st.text("ab \n", max_size=12)


@given(st.text("abc", min_size=1, max_size=5), WORDS, WORDS, st.data())
def test_in_whatever_pieces_it_comes_the_rest_is_the_same(
    first: str, tail: str, rest: str, data: st.DataObject
) -> None:
    text = tail + rest
    whole = "".join(after(tail, first + "!", text))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(after(tail, first + "!", *pieces)) == whole
    assert "".join(whole.split()) == "".join(rest.split())
