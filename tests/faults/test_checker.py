"""The checker of the law finds what breaks it, and nothing else: all tests of faults rest on that."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streamsvc.jobs import lifecycle
from streamsvc.v1 import event_pb2, state_pb2
from tests.support.checker import Item, LawBroken, Record, check, violations
from tests.support.events import part_started, pending_job, text
from tests.support.folding import folded, numbered

CREATED = lifecycle.created(pending_job(), [])
COMPLETED = event_pb2.Event(job_completed=event_pb2.JobCompleted())
LOG = numbered(CREATED, part_started(), text("a"), text("b"), text("c"), COMPLETED)
LOST = numbered(CREATED, part_started(), text("a"), text("lost"), text("too"), text("late"))


def found(items: Sequence[Item], *, snapshots: bool = False) -> str:
    """Return what the checker says of a reader that was shown `items`."""
    return "\n".join(violations([Record("r", [*items])], LOG, folded(LOG), snapshots=snapshots))


def state_at(offset: int) -> state_pb2.JobState:
    return folded(LOG[:offset])


@pytest.mark.parametrize("items", [LOG, [state_at(3), *LOG[3:]], [state_at(6)]])
def test_a_reader_that_saw_all_obeys(items: Sequence[Item]) -> None:
    assert found(items) == ""


@pytest.mark.parametrize(
    ("items", "violation"),
    [
        ([], "saw nothing"),
        (LOG[:3], "ended at offset 3, the log at 6"),
        ([*LOG[:2], *LOG[3:]], "a gap after offset 2"),
        ([*LOG[:3], *LOG[2:]], "a repeat after offset 3"),
        ([*LOG[:3], LOST[3], *LOG[4:]], "a later reader gets event 4 (text_delta"),
        ([*LOG, LOG[5]], "after the final event"),
        ([*LOG[:3], state_at(4), *LOG[4:]], "a snapshot at offset 4 that nobody asked for"),
        ([folded(LOST[:4]), *LOG[4:]], "is not what the events up to there fold to"),
    ],
)
def test_what_breaks_the_law_is_found(items: Sequence[Item], violation: str) -> None:
    assert violation in found(items)


def test_a_snapshot_that_may_come_replaces_what_was_shown_before() -> None:
    assert found([*LOST, state_at(4), *LOG[4:]], snapshots=True) == ""
    assert found([*LOST[:4], folded(LOST), state_at(4), *LOG[4:]], snapshots=True) == ""
    assert "a gap" in found([*LOST[:2], *LOST[3:], state_at(4), *LOG[4:]], snapshots=True)
    assert "a later reader gets" in found([state_at(3), LOST[3], *LOG[4:]], snapshots=True)


def test_a_log_without_a_final_event_and_a_state_that_is_another_are_found() -> None:
    open_log = LOG[:5]
    assert "must have one final event" in "\n".join(violations([], open_log, folded(open_log)))
    other = folded(numbered(*LOG[:4], text("x"), COMPLETED))
    assert "GetJobState at offset 6 is not" in "\n".join(violations([], LOG, other))


def test_a_report_names_the_reader_and_the_cause() -> None:
    with pytest.raises(LawBroken, match=r"(?s)seed 7.*reader r \(0 reconnects\): ended at offset 3"):
        check([Record("r", [*LOG[:3]])], LOG, folded(LOG), cause="seed 7")
