"""Runs with everything that the API sends, cut after every event: told once more, they make one exact log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from streamsvc.producers.answer import Answer
from streamsvc.producers.base import Finished, Notes
from streamsvc.producers.openai_responses.events import Events
from streamsvc.producers.openai_responses.messages import KEPT
from streamsvc.producers.openai_responses.run import Overlap, Run
from streamsvc.v1 import event_pb2, state_pb2
from tests.support.chats import Item, line_of
from tests.support.folding import folded, numbered
from tests.support.told_streams import cases, read

RUNS = [path for path in cases() if "response.completed" in str(read(path)["stream"][-1])]


def told(stream: Sequence[dict[str, Any]], run: Run, notes: Notes) -> Iterator[tuple[Item, bytes]]:
    """Yield what a run says, each item with the note as it was when the item was taken."""
    reader = Events(Answer("m", KEPT, run.said()), notes, run)
    run.passing = 0
    for event in stream:
        if event.get("sequence_number", 0) > run.newest or "sequence_number" not in event:
            reader.read(event)
            yield from ((item, notes.value) for item in reader.answer.take())
            reader.taken()
    yield from ((item, notes.value) for item in reader.end())


def again(stream: Sequence[dict[str, Any]], state: state_pb2.JobState, note: bytes) -> list[Item]:
    """Return what the next attempt adds to `state`."""
    run = Run.of(note)
    assert run is not None
    overlap = Overlap(state, run.passing)
    added: list[Item] = []
    for item, _ in told(stream, run, Notes(note)):
        new = overlap.new(item) if isinstance(item, event_pb2.Event) else item
        added += [] if new is None else [new]
    return added


def state_of(items: Sequence[Item]) -> state_pb2.JobState:
    return folded(numbered(*(item for item in items if not isinstance(item, Finished))))


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
@pytest.mark.parametrize("late", [False, True], ids=["with_the_note_of_its_event", "with_the_note_of_the_next"])
def test_a_run_that_is_told_once_more_adds_what_is_missing(path: Path, late: bool) -> None:
    stream = read(path)["stream"]
    items, noted = zip(*told(stream, Run(), Notes()), strict=True)
    for cut in range(1, len(items)):
        # What is written last may have been taken before or after the producer went on.
        note = noted[cut] if late and line_of(items[cut]).split()[0] != "custom" else noted[cut - 1]
        before = [_copy(item) for item in items[:cut]]
        state = state_of(before)
        rest = again(stream, state, note)
        assert list(map(line_of, rest)) == list(map(line_of, items[cut:])), f"cut after {cut}"
        assert state_of([*before, *rest]) == state_of([_copy(item) for item in items])


def _copy(item: Item) -> Item:
    if isinstance(item, Finished):
        return item
    copied = event_pb2.Event()
    copied.CopyFrom(item)
    return copied
