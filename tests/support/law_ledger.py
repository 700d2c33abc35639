"""What the store ever held of one job: every history, what each cursor stood for, and the laws on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from streamsvc import codec
from streamsvc.fold import Fold
from streamsvc.log import START, Batch, Cursor
from streamsvc.store.base import JobRecord
from streamsvc.v1 import event_pb2, state_pb2
from tests.support.checker import comparable
from tests.support.events import FINAL, kind

NOTHING = 0
"""The history without events."""


class LawBroken(AssertionError):
    """The message begins with the letter of the law. Together they are what the rules of one log are for:

    A  What a reader holds, or is sent to replace it, is at all times the beginning of one history that the store held.
    B  (epoch, offset) never names two histories. So nobody is told of a loss by a store that lost nothing.
    C  A history has one final event, and it is the last.
    D  An event is stored only in its writer's epoch. Who was stopped for a whole lease asks for nothing any more.
    E  A deleted job never comes back, unless the store lost the deletion.
    F  Once faults stop, the job ends and every reader ends, in bounded time, and none is told that a job is not there
       which is. A writer that lives is not robbed for a failure of the store.
    G  Without a loss or a trim no reader is sent a snapshot that it did not ask for.
    H  A reader that was told the end keeps a history that stays the job's, unless the store lost something afterwards.
    """


@dataclass(frozen=True, slots=True)
class Stored:
    """A job as it is stored: no record if there is none. `frames` are those after `base`."""

    record: JobRecord | None = None
    base: int = 0
    frames: bytes = b""
    checkpoint: state_pb2.JobState | None = None


def key_of(event: event_pb2.Event) -> bytes:
    """Return what two events share only if they are the same."""
    return event.SerializeToString(deterministic=True)


class Histories:
    """Every history that the store ever held, as a number: two are the same only if all of their events are."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes], int] = {}
        self._last: list[tuple[int, bytes, event_pb2.Event]] = [(NOTHING, b"", event_pb2.Event())]
        self._states: dict[int, bytes] = {}

    def add(self, history: int, event: event_pb2.Event) -> int:
        """Return the history that goes on with `event`."""
        key = key_of(event)
        if (history, key) not in self._known:
            self._known[history, key] = len(self._last)
            self._last.append((history, key, event))
        return self._known[history, key]

    def find(self, history: int, event: event_pb2.Event) -> int | None:
        """Return the same, None if the store has never held it."""
        return self._known.get((history, key_of(event)))

    def way(self, history: int) -> list[int]:
        """Return the history after each of its events, and before the first."""
        way = [history]
        while way[-1] != NOTHING:
            way.append(self._last[way[-1]][0])
        return way[::-1]

    def event(self, history: int) -> event_pb2.Event:
        """Return the last event of a history."""
        return self._last[history][2]

    def key(self, history: int) -> bytes:
        """Return the key of its last event."""
        return self._last[history][1]

    def ended(self, history: int) -> bool:
        """Tell whether a history ends with a final event."""
        return kind(self.event(history)) in FINAL

    def state(self, history: int) -> bytes:
        """Return what a history folds to, in bytes that can be compared."""
        if history not in self._states:
            fold = Fold()
            fold.apply([self.event(after) for after in self.way(history)[1:]])
            self._states[history] = comparable(fold.state())
        return self._states[history]


class Ledger:
    """Watches over one job id, through every job that bears it.

    `named` tells which history a cursor stands for, `present` the one that the store has now, None if there is no job.
    `losses` and `trims` count what the store lost, and what was forgotten on purpose; `lost_at` is when the last
    loss was, `closed_at` when the log was closed, `appended_at` when the newest append was.
    """

    def __init__(self, job_id: str, clock: Callable[[], float]) -> None:
        self.job_id = job_id
        self.histories = Histories()
        self.named: dict[Cursor, int] = {}
        self.present: int | None = None
        self.closed = False
        self.losses = self.trims = 0
        self.lost_at = self.closed_at = self.appended_at = float("-inf")
        self.after_look: Callable[[], None] = lambda: None
        self._clock = clock
        self._deleted = False
        self._writers: defaultdict[bytes, set[str]] = defaultdict(set)

    def asked(self, name: str, arguments: Sequence[Any]) -> None:
        """A call has arrived at the store: its batch is written by whoever has begun the batch's epoch."""
        for batch in arguments:
            if name in ("append", "create") and isinstance(batch, Batch):
                for event in codec.decode(batch.frames):
                    self._writers[key_of(event)].add(batch.epoch)

    def granted(self, name: str, arguments: Sequence[Any], named: dict[str, Any]) -> None:
        """A call did not fail."""
        self._deleted = self._deleted or (name == "delete" and self.present is not None)
        self.trims += name == "checkpoint" and named["trim"]
        if name == "append":
            self.appended_at = self._clock()

    def lost(self) -> None:
        """The store goes back, behind a deletion perhaps."""
        self.losses += 1
        self.lost_at = self._clock()
        self._deleted = False

    def look(self, stored: Stored) -> None:
        """Look at the job after something may have changed."""
        record = stored.record
        if record is None:
            self.present, self.closed = None, False
        else:
            if self._deleted:
                raise LawBroken("E: a deleted job came back")
            way = self._way(record, stored)
            self._one_name_one_history(record, way)
            self._one_final_event(record, way)
            self._in_its_writers_epoch(record, way)
            self._checkpoint_stands_for_it(stored.checkpoint, way)
            if record.closed and not self.closed:
                self.closed_at = self._clock()
            self.present, self.closed = way[-1], record.closed
        self.after_look()

    def _way(self, record: JobRecord, stored: Stored) -> list[int]:
        ends = [*record.chain, Cursor(record.job.epoch, record.job.last_offset)]
        names = [Cursor(epoch, stored.base) for epoch, end in ends if end >= stored.base]
        known = [self.named[name] for name in names if name in self.named]
        if not known and stored.base:
            raise LawBroken(f"B: nobody knows what {names} stand for")
        way = self.histories.way(known[0] if stored.base else NOTHING)
        for event in codec.decode(stored.frames):
            way.append(self.histories.add(way[-1], event))
        if len(way) != record.job.last_offset + 1:
            raise LawBroken(f"A: the log of {len(way) - 1} events says that it has {record.job.last_offset}")
        return way

    def _one_name_one_history(self, record: JobRecord, way: Sequence[int]) -> None:
        """Law B: (epoch, offset) never names two histories, so never two events."""
        for epoch, end in (*record.chain, (record.job.epoch, record.job.last_offset)):
            if end >= len(way):
                raise LawBroken(f"B: epoch {epoch} ends at {end}, behind the end of the log at {len(way) - 1}")
            for offset in range(end + 1):
                if self.named.setdefault(Cursor(epoch, offset), way[offset]) != way[offset]:
                    raise LawBroken(f"B: {epoch}@{offset} names two histories")

    def _one_final_event(self, record: JobRecord, way: Sequence[int]) -> None:
        """Law C: a history has one final event, it is the last, and with it the log is closed."""
        if any(map(self.histories.ended, way[:-1])):
            raise LawBroken("C: something follows the final event")
        if self.histories.ended(way[-1]) != record.closed:
            raise LawBroken("C: a log is closed without a final event, or open with one")

    def _in_its_writers_epoch(self, record: JobRecord, way: Sequence[int]) -> None:
        """Law D: an event is stored only in its own writer's epoch. So nothing of a fenced writer is shown."""
        begin = 0
        for epoch, end in (*record.chain, (record.job.epoch, record.job.last_offset)):
            for offset in range(begin + 1, end + 1):
                if epoch not in self._writers[self.histories.key(way[offset])]:
                    raise LawBroken(f"D: event {offset} is stored in epoch {epoch}, and written by another writer")
            begin = max(begin, end)

    def _checkpoint_stands_for_it(self, checkpoint: state_pb2.JobState | None, way: Sequence[int]) -> None:
        """Law A, for those who will be sent it: a state that is kept is what the log's own events fold to."""
        if checkpoint is not None and comparable(checkpoint) != self.histories.state(way[checkpoint.offset]):
            raise LawBroken(f"A: the checkpoint at {checkpoint.offset} is not what the events up to there fold to")

    def stands_for(self, cursor: Cursor) -> int | None:
        """Return the history that a cursor stands for, None if the store never gave it out."""
        return NOTHING if cursor.offset == START.offset else self.named.get(cursor)
