"""Slices of a snapshot: small enough to send, the same state when joined, and never through a character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamsvc.fold import growing_text
from streamsvc.slices import SLICE_BYTES, slices
from streamsvc.v1 import content_pb2, job_pb2, state_pb2
from tests.support.folding import canonical, folded, joined
from tests.support.strategies import Event, histories

_GRPC_LIMIT = 4 * 1024 * 1024
_KINDS = {
    "text": content_pb2.ContentPart(text=content_pb2.TextPart(refusal=True)),
    "reasoning": content_pb2.ContentPart(reasoning=content_pb2.ReasoningPart(summary=True)),
    "tool_call": content_pb2.ContentPart(tool_call=content_pb2.ToolCallPart(call_id="c", name="n")),
}


def _state(kind: str, text: str) -> state_pb2.JobState:
    part = content_pb2.ContentPart(index=1, completed=True, upstream_json='{"id":1}')
    part.MergeFrom(_KINDS[kind])
    if kind == "text":
        part.text.text = text
        part.text.citations.add(title="source")
    elif kind == "reasoning":
        part.reasoning.text = text
    else:
        part.tool_call.arguments_json = text
    before = content_pb2.ContentPart(text=content_pb2.TextPart(text="before"))
    after = content_pb2.ContentPart(index=2, data=content_pb2.DataPart(name="after"))
    return state_pb2.JobState(offset=9, job=job_pb2.Job(id="j"), parts=[before, part, after])


def _items(piece: state_pb2.JobState) -> int:
    """Return how many items a slice holds, what every state has counted as one."""
    count = int(piece.HasField("job") or piece.HasField("usage"))
    for field, value in piece.ListFields():
        if field.is_repeated:
            count += len(value)
    return count


@given(histories(misfits=True), st.integers(1, 400))
def test_slices_of_any_size_join_to_the_same_state(events: list[Event], size: int) -> None:
    state = folded(events)
    pieces = list(slices(state, size))
    assert canonical(joined(pieces)) == canonical(state)
    for piece in pieces:
        assert piece.ByteSize() <= size or _items(piece) == 1
    assert all(_items(piece) for piece in pieces)


@pytest.mark.parametrize("kind", _KINDS)
def test_every_size_gives_the_same_state_and_whole_characters(kind: str) -> None:
    text = "aé漢👩\u200d👩e\u0301\r\n" * 4
    state = _state(kind, text)
    for size in range(1, state.ByteSize() + 2):
        pieces = list(slices(state, size))
        assert canonical(joined(pieces)) == canonical(state)
        grown = [growing_text(part) for piece in pieces for part in piece.parts if part.index == 1]
        assert "".join(grown) == text
        assert all(len(said.encode()) <= max(size, 4) for said in grown)


@pytest.mark.parametrize("kind", _KINDS)
def test_a_part_that_goes_on_says_its_index_and_its_text_only(kind: str) -> None:
    pieces = [part for piece in slices(_state(kind, "x" * 100), 40) for part in piece.parts if part.index == 1]
    assert len(pieces) == 3
    assert pieces[0].completed
    assert pieces[0].upstream_json
    for piece in pieces[1:]:
        assert [field.name for field, _ in piece.ListFields()] == ["index", kind]
        assert len(getattr(piece, kind).ListFields()) == 1


def test_a_small_state_is_one_slice() -> None:
    state = _state("text", "x")
    assert list(slices(state)) == [state]
    assert list(slices(state_pb2.JobState())) == [state_pb2.JobState()]


def test_slicing_does_not_change_the_state() -> None:
    state = _state("text", "x" * 100)
    before = canonical(state)
    for piece in slices(state, 10):
        piece.Clear()
    assert canonical(state) == before


def test_slices_of_their_usual_size_fit_into_what_a_grpc_client_takes() -> None:
    state = _state("text", "漢" * 2_000_000)
    sizes = [piece.ByteSize() for piece in slices(state)]
    assert len(sizes) > 5
    assert max(sizes) < SLICE_BYTES + 1024 < _GRPC_LIMIT


def test_many_items_without_content_do_not_make_a_large_slice() -> None:
    state = state_pb2.JobState(errors=[job_pb2.JobError()] * 1000)
    pieces = list(slices(state, 100))
    assert max(piece.ByteSize() for piece in pieces) <= 100
    assert joined(pieces) == state
