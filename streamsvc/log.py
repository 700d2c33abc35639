"""The vocabulary of a log: cursors, epochs, batches, and the joined frames of a stretch of it."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from streamsvc import codec


class Cursor(NamedTuple):
    """What a reader has: everything up to and including `offset` of the history that `epoch` names.

    Offset 0 is the beginning, good in every epoch. A cursor is only good together with the state it stands for.
    """

    epoch: str = ""
    offset: int = 0


START = Cursor()


class EpochEnd(NamedTuple):
    """An epoch before the present one, and the last offset that the log had when it ended."""

    epoch: str
    last: int


Chain = tuple[EpochEnd, ...]
"""The epochs of a log before the present one, oldest first."""


def serves(cursor: Cursor, epoch: str, chain: Chain) -> bool:
    """Tell whether a log of this epoch and chain goes on from `cursor` without a change of what it stands for.

    An epoch has one writer, so (epoch, offset) never names two events. A cursor of an old epoch is good up to the
    end recorded for it; what came after that end was lost with its writer.

    >>> serves(Cursor("a", 7), "b", (EpochEnd("a", 7),)), serves(Cursor("a", 8), "b", (EpochEnd("a", 7),))
    (True, False)
    """
    if cursor.offset == 0 or cursor.epoch == epoch:
        return True
    return any(end.epoch == cursor.epoch and end.last >= cursor.offset for end in chain)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events `after + 1` to `last` of `epoch`, as joined frames. Frozen: retried byte for byte until answered.

    `time_ms` is the `create_time` of its first event in milliseconds since 1970.
    """

    epoch: str
    after: int
    frames: bytes
    last: int
    time_ms: int


class Frames:
    """The frames of events `base + 1` to `last`, read from any offset in between.

    The bytes lie in one buffer with a place for each append, not for each event: a log of 20,000 events costs
    their bytes and little more, and a read is one copy.
    """

    def __init__(self, base: int = 0) -> None:
        self.base = base
        self.last = base
        self._bytes = bytearray()
        self._dropped = 0  # bytes that once lay before `_bytes`
        self._lasts = array("i")  # last offset of each append
        self._ends = array("q")  # where each append ends, counted from the first byte ever held
        self._read: tuple[tuple[int, int], tuple[bytes, int]] | None = None

    def __len__(self) -> int:
        """Return the number of bytes held."""
        return len(self._bytes)

    def append(self, frames: bytes, last: int) -> None:
        """Add the frames of the events `self.last + 1` to `last`."""
        self._bytes += frames
        self._lasts.append(last)
        self._ends.append(self._dropped + len(self._bytes))
        self.last = last
        self._read = None

    def read(self, after: int, max_bytes: int) -> tuple[bytes, int]:
        """Return the frames after the event `after`, and the offset of the last of them.

        At most `max_bytes`, but at least the rest of one append. `after` is from `base` to `last`.
        """
        # Readers that follow live all ask for the same bytes: they share one copy.
        key = (after, max_bytes)
        if self._read and self._read[0] == key:
            return self._read[1]
        found = self._copy(after, max_bytes)
        self._read = (key, found)
        return found

    def _copy(self, after: int, max_bytes: int) -> tuple[bytes, int]:
        if after >= self.last:
            return b"", self.last
        first = bisect_right(self._lasts, after)
        begin = self._ends[first - 1] - self._dropped if first else 0
        before = self._lasts[first - 1] if first else self.base
        end = max(first, bisect_left(self._ends, self._dropped + begin + max_bytes + 1) - 1)
        frames = bytes(memoryview(self._bytes)[begin : self._ends[end] - self._dropped])
        if before != after:
            frames = codec.after(frames, after)
        return frames, self._lasts[end]

    def trim_to_bytes(self, size: int) -> None:
        """Forget the oldest appends until at most `size` bytes are held; `base` moves up with them."""
        excess = len(self._bytes) - size
        if excess > 0:
            self._drop(bisect_left(self._ends, self._dropped + excess) + 1)

    def trim_to_offset(self, offset: int) -> None:
        """Forget the appends whose events all lie at or before `offset`."""
        self._drop(bisect_right(self._lasts, offset))

    def _drop(self, count: int) -> None:
        if count == 0:
            return
        self.base = self._lasts[count - 1]
        size = self._ends[count - 1] - self._dropped
        del self._bytes[:size], self._lasts[:count], self._ends[:count]
        self._dropped += size
        self._read = None
