"""Short words for folding in tests."""

from __future__ import annotations

from collections.abc import Iterable

from streamsvc.fold import Fold
from streamsvc.slices import SnapshotJoin
from streamsvc.v1 import event_pb2, state_pb2


def folded(events: Iterable[event_pb2.Event], state: state_pb2.JobState | None = None) -> state_pb2.JobState:
    """Return the state after `events`, from the beginning or from `state` on."""
    fold = Fold(state)
    fold.apply(events)
    return fold.state()


def joined(pieces: Iterable[state_pb2.JobState]) -> state_pb2.JobState:
    """Return the state that `pieces` are slices of."""
    join = SnapshotJoin()
    for piece in pieces:
        join.add(piece)
    return join.state


def numbered(*events: event_pb2.Event, after: int = 0) -> list[event_pb2.Event]:
    """Return `events` under the offsets `after + 1`, `after + 2`, ..."""
    for offset, event in enumerate(events, after + 1):
        event.offset = offset
    return list(events)


def canonical(state: state_pb2.JobState) -> bytes:
    """Return bytes that two states share only if they are the same, fields of later versions included."""
    return state.SerializeToString(deterministic=True)
