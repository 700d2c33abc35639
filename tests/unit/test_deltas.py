"""Runs of deltas, folded at once: the same state as event by event, whatever the frames hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamsvc import codec, deltas
from streamsvc.errors import LogCorrupt
from streamsvc.fold import Fold
from streamsvc.v1 import event_pb2
from tests.golden.fold_cases import CASES, Case
from tests.golden.fold_events import at, reasoning, started, text, tool_call
from tests.support.folding import canonical, folded, numbered
from tests.support.strategies import Event, delta, histories, unknown_event, without_offsets
from tests.support.values import unknown_part

PARTS = numbered(text("a"), reasoning("b"), tool_call(), started(unknown_part(50, b"later")))
KINDS = st.sampled_from(["text", "reasoning", "tool_call"])
DELTAS = st.builds(delta, KINDS, st.integers(-1, 4), st.text(max_size=3))
TIMED = st.builds(at, st.integers(0, 9), DELTAS)
OTHERS = st.sampled_from([Event(), Event(text_delta=event_pb2.TextDelta()), unknown_event(200, b"later")])


def framed(events: list[Event], after: int = len(PARTS)) -> bytes:
    return codec.encode(without_offsets(events), after)


def run_of(*events: Event) -> deltas.Run | None:
    return deltas.run_of(framed(list(events)))


def folded_frames(frames: bytes, before: list[Event]) -> Fold:
    fold = Fold(folded(before) if before else None)
    fold.apply_frames(frames)
    return fold


@given(st.lists(DELTAS | TIMED) | st.lists(DELTAS | TIMED | OTHERS))
def test_any_deltas_fold_at_once_as_they_do_one_by_one(events: list[Event]) -> None:
    fold = folded_frames(framed(events), PARTS)
    assert canonical(fold.state()) == canonical(folded([*PARTS, *numbered(*events, after=len(PARTS))]))


@given(histories() | histories(misfits=True), st.data())
def test_any_history_folds_from_frames_as_it_does_from_events(events: list[Event], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(events)))
    fold = folded_frames(framed(events[:place], 0), [])
    fold.apply_frames(framed(events[place:], place))
    assert canonical(fold.state()) == canonical(folded(events))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_case_folds_from_frames(case: Case) -> None:
    events = numbered(*[*case.before, *case.events])
    assert canonical(folded_frames(framed(events, 0), []).state()) == canonical(folded(events))


def test_deltas_of_one_part_are_one_run() -> None:
    run = run_of(at(1, delta("reasoning", 3, "é")), delta("reasoning", 3, ""), at(2, delta("reasoning", 3, "𝔘")))
    assert run is not None
    assert (run.kind, run.part_index, run.text, run.last) == ("reasoning", 3, "é𝔘", len(PARTS) + 3)
    assert run.create_time == at(2, Event()).create_time


@pytest.mark.parametrize(
    "other",
    [
        delta("text", 1, "b"),
        delta("text", -1, "b"),
        delta("reasoning", 0, "b"),
        text(),
        Event(),
        unknown_event(200, b"later"),
    ],
    ids=["part", "no part", "kind", "opening", "nothing", "unknown"],
)
def test_anything_else_among_them_is_no_run(other: Event) -> None:
    said = delta("text", 0, "a") if other.ByteSize() else delta("text", 2, "a")
    assert run_of(said, other, said) is None
    assert run_of(other, said) is None
    assert run_of(said, other) is None


def test_no_frames_are_no_run_and_change_nothing() -> None:
    assert deltas.run_of(b"") is None
    assert folded_frames(b"", PARTS).offset == len(PARTS)


def test_broken_frames_are_told_of() -> None:
    with pytest.raises(LogCorrupt):
        Fold().apply_frames(framed([delta("text", 0, "a")])[:-1])
    with pytest.raises(LogCorrupt):
        Fold().apply_frames(framed([delta("text", 0, "?")]).replace(b"?", b"\xff"))
