"""The newest part of a long answer: small, and still what it was."""

from __future__ import annotations

import pytest

from streamsvc.cli.newest import end_of, newest
from streamsvc.v1 import content_pb2, state_pb2

PARAGRAPH = "The light of the morning goes through more air.\n\n"


def text_state(*texts: str) -> state_pb2.JobState:
    return state_pb2.JobState(
        parts=[content_pb2.ContentPart(index=i, text=content_pb2.TextPart(text=text)) for i, text in enumerate(texts)]
    )


def test_a_short_answer_is_left_whole() -> None:
    state = text_state("one", "two")
    before = state.SerializeToString()
    assert not newest(state, 80, 20)
    assert state.SerializeToString() == before


def test_of_a_long_answer_the_end_is_kept() -> None:
    state = text_state(PARAGRAPH * 1000 + "The end.")
    assert newest(state, 80, 20)
    kept = state.parts[0].text.text
    assert kept.startswith("The light")
    assert kept.endswith("The end.")
    assert len(kept) < 80 * 20 * 4


def test_many_short_lines_are_cut_too() -> None:
    state = text_state("```\n" + "x\n" * 10_000)
    assert newest(state, 80, 20)
    assert state.parts[0].text.text.count("\n") < 80


def test_of_many_parts_the_last_ones_are_kept() -> None:
    state = text_state(*(f"part {number}" for number in range(1000)))
    assert newest(state, 80, 20)
    assert len(state.parts) <= 20
    assert state.parts[-1].text.text == "part 999"


def test_parts_of_other_kinds_stay_what_they_are() -> None:
    state = state_pb2.JobState()
    state.parts.add().reasoning.text = "hm"
    state.parts.add().tool_call.name = "look_up"
    state.parts.add().data.name = "acme.chart"
    newest(state, 80, 20)
    assert [part.WhichOneof("kind") for part in state.parts] == ["reasoning", "tool_call", "data"]


def test_steps_and_errors_leave_room_for_the_answer() -> None:
    state = text_state("answer")
    for number in range(100):
        state.steps.add(id=f"s{number}")
        state.errors.add(reason=f"E{number}")
    newest(state, 80, 20)
    assert state.steps[-1].id == "s99"
    assert len(state.steps) + len(state.errors) < 10


@pytest.mark.parametrize("fence", ["```python", "~~~", "````"])
def test_a_block_of_code_that_is_cut_through_is_opened_again(fence: str) -> None:
    kept = end_of(f"text\n\n{fence}\n" + "print(1)\n" * 100, 90, 50)
    assert kept.startswith(f"{fence}\nprint(1)\n")


def test_a_block_of_code_that_is_closed_stays_closed() -> None:
    kept = end_of("```\ncode\n```\n\n" + PARAGRAPH * 10, 100, 50)
    assert kept.startswith("The light")


def test_a_text_without_breaks_is_cut_anyway() -> None:
    assert end_of("x" * 1000, 100, 50) == "x" * 100
