"""What must hold of a job whatever happens to its store: the laws of the executable model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from streamsvc.errors import JobDeleted
from streamsvc.log import Cursor
from streamsvc.store.base import JobRecord
from tests.support.pair import Refused

FINAL = "!"
"""What the text of a final event ends with."""


def label(epoch: str, serial: int, *, final: bool = False) -> str:
    """Return the text of an event: who wrote it, a number of its own, and whether it is the last."""
    return f"{epoch}/{serial}{FINAL if final else ''}"


def writer_of(text: str) -> str:
    """Return the epoch that an event was written in."""
    return text.partition("/")[0]


@dataclass
class Laws:
    """Watches over one job id, through every job that bears it. Epochs are never used twice.

    `named` holds each history that a cursor ever stood for. `honest` tells that the store has never lost anything,
    `trimmed` that events were forgotten on purpose. The rest is what was found at the last look.
    """

    tombstone_seconds: float
    named: dict[Cursor, tuple[str, ...]] = field(default_factory=dict)
    deleted_at: float | None = None
    honest: bool = True
    trimmed: bool = False
    history: tuple[str, ...] = ()
    fence: int = 0
    closed: bool = False
    cancelled: bool = False

    def created(self, now: float) -> None:
        """Begin anew: a job was created. Law E, the one half: not while a tombstone lives."""
        assert not self._buried(now)
        self._forget()
        self.trimmed = False

    def lost(self) -> None:
        """Begin anew with what the store has left, behind a deletion perhaps."""
        self._forget()
        self.honest = False

    def _forget(self) -> None:
        self.deleted_at = None
        self.history, self.fence, self.closed, self.cancelled = (), 0, False, False

    def _buried(self, now: float) -> bool:
        return self.deleted_at is not None and now - self.deleted_at < self.tombstone_seconds

    def check_missing(self, refusal: Refused, now: float) -> None:
        """Law E, the other half: a deletion is remembered as long as its tombstone lives."""
        assert refusal.error is JobDeleted or not self._buried(now)

    def check(self, record: JobRecord, history: Sequence[str]) -> None:
        """Look at a job as it is stored."""
        assert self.deleted_at is None, "law E: a deleted job came back"
        assert len(history) == record.job.last_offset
        ends = [*record.chain, (record.job.epoch, len(history))]
        self._one_name_one_history(ends, history)
        self._every_event_in_its_writers_epoch(ends, history)
        # Law C: a history has one final event, and it is the last.
        assert not any(text.endswith(FINAL) for text in history[:-1])
        assert history[-1].endswith(FINAL) == record.closed
        self._nothing_is_undone(record, history)

    def _one_name_one_history(self, ends: Sequence[tuple[str, int]], history: Sequence[str]) -> None:
        """Law B: (epoch, offset) never names two different histories."""
        for epoch, end in ends:
            assert end <= len(history)
            for offset in range(end + 1):
                prefix, cursor = tuple(history[:offset]), Cursor(epoch, offset)
                assert self.named.setdefault(cursor, prefix) == prefix, f"{cursor} names two histories"

    def _every_event_in_its_writers_epoch(self, ends: Sequence[tuple[str, int]], history: Sequence[str]) -> None:
        """Law D: nothing of a fenced writer is stored."""
        for offset, text in enumerate(history, 1):
            epoch = next(epoch for epoch, end in ends if end >= offset)
            assert writer_of(text) == epoch, f"event {offset} is of {writer_of(text)}, in the stretch of {epoch}"

    def _nothing_is_undone(self, record: JobRecord, history: Sequence[str]) -> None:
        """Without a loss a log only grows, and a closed one stays; a cancel request stays whatever is restored."""
        assert not self.closed or (record.closed and tuple(history) == self.history)
        assert record.cancel_requested or not self.cancelled
        if self.honest:
            assert tuple(history[: len(self.history)]) == self.history
            assert record.fence >= self.fence
        self.history, self.fence = tuple(history), record.fence
        self.closed, self.cancelled = record.closed, record.cancel_requested

    def check_served(self, cursor: Cursor, history: Sequence[str], *, closed: bool) -> None:
        """Law A: what a reader holds under a cursor that is served is the beginning of the history it reads on in.

        A reader that holds more may wait for it, but not at a log that will never have it.
        """
        if cursor.offset > len(history):
            assert not closed
        elif cursor.offset:
            assert self.named[cursor] == tuple(history[: cursor.offset]), f"a reader at {cursor} would hold a mixture"

    def check_unserved(self, cursor: Cursor, epochs: Sequence[str]) -> None:
        """Law G: without a loss or a trim every cursor of a job is served."""
        assert not self.honest or self.trimmed or cursor.epoch not in epochs
