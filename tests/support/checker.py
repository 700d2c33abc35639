"""The law: every reader sees every event exactly once, in order, until the final event, whoever dies on the way.

Records of readers in, violations out: `violations` lists them, `check` raises them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from streamsvc.fold import Fold
from streamsvc.v1 import event_pb2, state_pb2
from tests.support.events import FINAL, kind

Item = event_pb2.Event | state_pb2.JobState

MOST = 10
"""How many violations a report shows of each reader."""


class LawBroken(AssertionError):
    """A reader saw something else than the log. The message says who, what and where."""


@dataclass
class Record:
    """All that one reader was shown, in order. `name` says who it was."""

    name: str
    items: list[Item] = field(default_factory=list)
    reconnects: int = 0

    @property
    def events(self) -> list[event_pb2.Event]:
        """The events, without the snapshots."""
        return [item for item in self.items if isinstance(item, event_pb2.Event)]

    @property
    def snapshots(self) -> list[state_pb2.JobState]:
        """The snapshots."""
        return [item for item in self.items if isinstance(item, state_pb2.JobState)]


def check(
    records: Iterable[Record],
    log: Sequence[event_pb2.Event],
    state: state_pb2.JobState,
    *,
    snapshots: bool = False,
    cause: str = "",
) -> None:
    """Raise LawBroken unless every record obeys the law; see `violations`.

    `cause` is shown in the report, such as the seed of the run.
    """
    if found := violations(records, log, state, snapshots=snapshots):
        raise LawBroken("\n  ".join([f"the law is broken{f' ({cause})' if cause else ''}:", *found]))


def violations(
    records: Iterable[Record],
    log: Sequence[event_pb2.Event],
    state: state_pb2.JobState,
    *,
    snapshots: bool = False,
) -> list[str]:
    """Return all that breaks the law, a line each.

    `log` is what a reader from 0 gets after all is over, `state` what GetJobState says then. `snapshots` allows those
    that nobody has asked for. A snapshot replaces what came before it: of that, only the order is judged.
    """
    folds = _Prefixes(log)
    found = [*_of_log(log), *_of_state(folds, len(log), state, "GetJobState")]
    for record in records:
        broken = _Reading(record, log, folds, snapshots).broken()
        shown = broken[:MOST] + ([f"... and {len(broken) - MOST} more"] if len(broken) > MOST else [])
        found += [f"reader {record.name} ({record.reconnects} reconnects): {line}" for line in shown]
    return found


class _Prefixes:
    """States after so many events of a log, made when they are asked for."""

    def __init__(self, log: Sequence[event_pb2.Event]) -> None:
        self._log = log
        self._known: dict[int, bytes] = {}

    def at(self, offset: int) -> bytes:
        if offset not in self._known:
            fold = Fold()
            fold.apply(self._log[:offset])
            self._known[offset] = comparable(fold.state())
        return self._known[offset]


class _Reading:
    def __init__(self, record: Record, log: Sequence[event_pb2.Event], folds: _Prefixes, snapshots: bool) -> None:
        self._record = record
        self._log = log
        self._folds = folds
        self._snapshots = snapshots
        self._found: list[str] = []
        self._offset = 0
        self._final = ""
        places = [place for place, item in enumerate(record.items) if not isinstance(item, event_pb2.Event)]
        self._replaced = places[-1] if places else 0

    def broken(self) -> list[str]:
        for place, item in enumerate(self._record.items):
            if isinstance(item, event_pb2.Event):
                self._event(place, item)
            else:
                self._snapshot(place, item)
        if not self._record.items:
            self._found.append("saw nothing")
        elif self._offset != len(self._log):
            self._found.append(f"ended at offset {self._offset}, the log at {len(self._log)}")
        elif not self._final and isinstance(self._record.items[-1], event_pb2.Event):
            self._found.append(f"its last event is no final one: {_short(self._record.items[-1])}")
        return self._found

    def _event(self, place: int, event: event_pb2.Event) -> None:
        where = f"item {place}, {_short(event)}"
        if event.offset != self._offset + 1:
            what = "a repeat" if event.offset <= self._offset else "a gap"
            self._found.append(f"{where}: {what} after offset {self._offset}")
        elif place >= self._replaced and not self._is_in_log(event):
            later = _short(self._log[event.offset - 1]) if event.offset <= len(self._log) else "nothing"
            self._found.append(f"{where}: a later reader gets {later}")
        if self._final:
            self._found.append(f"{where}: after the final event {self._final}")
        self._offset = event.offset
        self._final = self._final or (kind(event) if kind(event) in FINAL else "")

    def _is_in_log(self, event: event_pb2.Event) -> bool:
        return event.offset <= len(self._log) and event == self._log[event.offset - 1]

    def _snapshot(self, place: int, state: state_pb2.JobState) -> None:
        if not self._snapshots and place > 0:
            self._found.append(f"item {place}: a snapshot at offset {state.offset} that nobody asked for")
        if place >= self._replaced:
            self._found += _of_state(self._folds, state.offset, state, f"item {place}, the snapshot")
        self._offset, self._final = state.offset, ""


def comparable(state: state_pb2.JobState) -> bytes:
    """Return what two readers of the same events must agree on: all but the epoch, which is the cursor's."""
    copy = state_pb2.JobState()
    copy.CopyFrom(state)
    copy.job.epoch = ""
    return copy.SerializeToString(deterministic=True)


def _of_log(log: Sequence[event_pb2.Event]) -> list[str]:
    found = []
    if [event.offset for event in log] != list(range(1, len(log) + 1)):
        found.append(f"the log does not count 1 to {len(log)}")
    finals = [_short(event) for event in log if kind(event) in FINAL]
    if len(finals) != 1 or kind(log[-1]) not in FINAL:
        found.append(f"the log must have one final event, as its last: {finals or 'it has none'}")
    return found


def _of_state(folds: _Prefixes, offset: int, state: state_pb2.JobState, name: str) -> list[str]:
    if state.offset != offset:
        return [f"{name} is at offset {state.offset} instead of {offset}"]
    if comparable(state) != folds.at(offset):
        return [f"{name} at offset {offset} is not what the events up to there fold to"]
    return []


def _short(item: Item) -> str:
    if isinstance(item, event_pb2.Event):
        text = str(getattr(item, kind(item), "")).replace("\n", " ")[:60]
        return f"event {item.offset} ({kind(item)}: {text.strip()})"
    return f"state at {item.offset}"
