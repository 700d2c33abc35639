"""Neighbouring deltas as one event: fewer events, the same state."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamsvc.jobs.merge import MAX_MERGED_CHARACTERS, merge
from streamsvc.producers.parts import part_completed, reasoning_delta, tool_call_delta
from streamsvc.v1 import event_pb2
from tests.support.events import Event, text, text_of
from tests.support.folding import canonical, folded, numbered
from tests.support.strategies import histories, without_offsets


def without_place(events: list[Event]) -> bytes:
    """Return the state that `events` fold to, without the offsets: merging makes them fewer."""
    state = folded(numbered(*events))
    state.offset = state.job.last_offset = 0
    return canonical(state)


@given(histories(misfits=True), st.data())
def test_the_fold_of_merged_events_is_the_fold_of_the_events(history: list[Event], data: st.DataObject) -> None:
    events = without_offsets(history)
    merged: list[Event] = []
    while events:
        taken = data.draw(st.integers(1, len(events)))
        merged += merge(events[:taken])
        events = events[taken:]
    expected = without_place(without_offsets(history))
    assert without_place(without_offsets(merged)) == expected


def test_a_run_of_deltas_of_one_part_becomes_one_delta() -> None:
    assert merge([text("a "), text("b "), text("c")]) == [text("a b c")]


def test_deltas_of_different_parts_or_kinds_stay_apart() -> None:
    events = [text("a"), text("b", part=1), text("c"), reasoning_delta(0, "d"), tool_call_delta(0, "e")]
    assert merge(events) == events


def test_reasoning_and_arguments_are_merged_too() -> None:
    events = [reasoning_delta(0, "a"), reasoning_delta(0, "b"), tool_call_delta(1, "{"), tool_call_delta(1, "}")]
    assert merge(events) == [reasoning_delta(0, "ab"), tool_call_delta(1, "{}")]


def test_an_event_between_two_deltas_keeps_its_place() -> None:
    events = [text("a"), part_completed(5), text("b")]
    assert merge(events) == events


def test_an_event_of_a_kind_that_is_not_known_keeps_its_place() -> None:
    unknown = Event.FromString(b"\xc2\x3e\x01x")
    assert merge([text("a"), unknown, text("b")]) == [text("a"), unknown, text("b")]


def test_the_events_that_came_in_are_not_changed() -> None:
    events = [text("a"), text("b")]
    merge(events)
    assert events == [text("a"), text("b")]


def test_a_merged_delta_keeps_the_time_of_its_first() -> None:
    first = text("a")
    first.create_time.seconds = 7
    assert merge([first, text("b")])[0].create_time.seconds == 7


def test_a_merged_delta_is_bounded_and_loses_nothing() -> None:
    words = [f"{number:07d} " for number in range(10_000)]
    merged = merge([text(word) for word in words])
    assert text_of(merged) == "".join(words)
    assert 1 < len(merged) < 10
    assert max(len(event.text_delta.text) for event in merged) <= MAX_MERGED_CHARACTERS


def test_a_delta_that_is_larger_than_the_bound_by_itself_stays_whole() -> None:
    large = text("x" * (2 * MAX_MERGED_CHARACTERS))
    assert merge([text("a"), large, text("b")]) == [text("a"), large, text("b")]


def test_nothing_is_merged_to_nothing() -> None:
    assert merge([]) == []
    assert merge([event_pb2.Event()]) == [event_pb2.Event()]
