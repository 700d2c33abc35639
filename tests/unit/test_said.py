"""Where a model can go on with what was said."""

from __future__ import annotations

import pytest

from streamsvc.producers.said import Said, before_last_word
from tests.support.chats import call, chunk, so_far

LONG = "词" * 100


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("The capital of Fra", "The capital of"),
        ("The capital of", "The capital"),
        ("Fruits:\n\n- Ap", "Fruits:\n\n-"),
        ("The", ""),
        ("", ""),
        ("\nThe", ""),
        ("短词", ""),
        ("Look: " + "x" * 64, "Look: " + "x" * 63),
        (LONG, LONG[:-1]),
        (LONG + "é", LONG),
        (LONG + "e\u0301\u0323", LONG),
        (LONG + "\U0001f44d\U0001f3fd", LONG),
        (LONG + "\U0001f469\u200d", LONG),
        (LONG + "\U0001f469\u200d\U0001f680", LONG),
        (LONG + "\u2764\ufe0f", LONG),
        (LONG + "\U0001f1eb\U0001f1f7", LONG),
    ],
)
def test_a_beginning_ends_before_the_last_word_or_character(text: str, beginning: str) -> None:
    assert before_last_word(text) == beginning


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("The capital", ["The", "The capital"]),
        ("The capital ", ["The", "The capital"]),
        ("The", ["", "The"]),
        ("", [""]),
        ("\n", [""]),
    ],
)
def test_the_whole_comes_after_the_shorter_one(text: str, starts: list[str]) -> None:
    assert Said(text=text).starts() == starts


def test_nothing_was_said() -> None:
    assert Said.of(so_far()) == Said()


def test_text_under_way_grows_in_its_part() -> None:
    said = Said.of(so_far(chunk(reasoning_content="Hm"), chunk(content="Hel"), chunk(content="lo")))
    assert (said.text, said.reasoning, said.open_text, said.kept, said.reasoned) == ("Hello", "Hm", 1, 2, False)


def test_reasoning_that_has_ended_stays() -> None:
    state = so_far(chunk(reasoning_content="Hm"), chunk(content="Yes"))
    del state.parts[1:]
    said = Said.of(state)
    assert (said.kept, said.reasoned, said.anew) == (1, True, ())


@pytest.mark.parametrize(
    "cut",
    [chunk(reasoning_content="Hm"), chunk(refusal="I can"), call(index=0, id="a", name="f", arguments='{"x"')],
)
def test_what_cannot_be_continued_is_begun_anew(cut: dict[str, object]) -> None:
    said = Said.of(so_far(chunk(content="Well."), cut))
    assert (said.text, said.open_text, said.kept, said.called) == ("Well.", None, 1, False)
    assert [part.index for part in said.anew] == [1]


def test_what_follows_half_a_call_is_begun_anew_too() -> None:
    said = Said.of(so_far(call(index=0, id="a", name="f", arguments="{"), chunk(content="\n")))
    assert (said.text, said.open_text, len(said.anew)) == ("", None, 2)


def test_calls_that_are_closed_were_the_last_word() -> None:
    state = so_far(call(index=0, id="a", name="f", arguments="{}"))
    state.parts[0].completed = True
    assert Said.of(state).called
