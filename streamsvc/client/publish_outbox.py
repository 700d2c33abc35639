"""What a publisher said: waiting to be sent, or sent and kept for a while, since the service's store may lose it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from streamsvc.v1 import event_pb2

MAX_EVENTS = 256
MAX_BYTES = 256 * 1024
"""How much is sent at once."""

MAX_DELTA_CHARACTERS = 16 * 1024
"""How long a delta may become that neighbours are merged into."""

FULL_BYTES = 1024 * 1024
FULL_EVENTS = 2048
"""How much may wait before whoever speaks has to wait as well."""

KEPT_BYTES = 4 * 1024 * 1024
"""How much of what is stored can be sent again."""


class Outbox:
    """Events after `stored`, in order. One speaker puts, one sender takes.

    What was taken once is frozen: a call whose answer was lost is repeated as it was. `now_ms` returns the time in
    milliseconds since 1970.
    """

    def __init__(self, stored: int, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self.stored = stored
        self._now_ms = now_ms
        self._waiting: deque[event_pb2.Event] = deque()
        self._kept: deque[event_pb2.Event] = deque()
        self._waiting_bytes = self._kept_bytes = 0
        self._taken = 0  # of those that wait
        self._merges: event_pb2.Event | None = None  # the last one, if more may be merged into it
        self.filled, self.emptied, self.room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.emptied.set()
        self.room.set()

    def put(self, event: event_pb2.Event) -> None:
        """Add an event. It must not be changed any more."""
        self._add(event)
        self._merges = None

    def say(self, part_index: int, text: str) -> None:
        """Add text to a text part: to the last event, if that is text of the same part and was not sent yet."""
        last = self._merges
        if last is not None and last.text_delta.part_index == part_index:
            delta = last.text_delta
            if len(delta.text) + len(text) <= MAX_DELTA_CHARACTERS:
                delta.text += text
                self._waiting_bytes += len(text)
                self._tell()
                return
        event = event_pb2.Event(text_delta=event_pb2.TextDelta(part_index=part_index, text=text))
        self._add(event)
        self._merges = event

    def take(self) -> Sequence[event_pb2.Event]:
        """Return what is to be sent next, after `stored`. The same until it is stored."""
        if not self._taken:
            self._taken = self._fitting()
            self._merges = None
            first = self._waiting[0]
            # By the speaker's clock, so that what is sent again is the same. The final event's is the service's.
            if not (first.HasField("create_time") or (first.WhichOneof("payload") or "").startswith("job_")):
                first.create_time.FromMilliseconds(self._now_ms())
        return list(islice(self._waiting, self._taken))

    def is_stored(self, last: int) -> None:
        """Take note that everything up to the offset `last` is stored."""
        while self.stored < last and self._waiting:
            self._kept.append(event := self._waiting.popleft())
            size = event.ByteSize()
            self._waiting_bytes -= size
            self._kept_bytes += size
            self.stored += 1
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= self._kept.popleft().ByteSize()
        if not self._waiting:
            self._waiting_bytes = 0  # what was merged or stamped meanwhile was counted roughly
        self._taken = 0
        self._tell()

    def is_lost(self, last: int) -> bool:
        """Go back to the offset `last`. Returns False if that is not possible: it is ahead, or too far behind."""
        if not 0 <= self.stored - last <= len(self._kept):
            return False
        while self.stored > last:
            self._waiting.appendleft(event := self._kept.pop())
            size = event.ByteSize()
            self._waiting_bytes += size
            self._kept_bytes -= size
            self.stored -= 1
        self._taken = 0
        self._tell()
        return True

    def _add(self, event: event_pb2.Event) -> None:
        self._waiting.append(event)
        self._waiting_bytes += event.ByteSize()
        self._tell()

    def _fitting(self) -> int:
        size = 0
        for count, event in enumerate(islice(self._waiting, MAX_EVENTS)):
            size += event.ByteSize()
            if count and size > MAX_BYTES:
                return count
        return min(MAX_EVENTS, len(self._waiting))

    def _tell(self) -> None:
        full = self._waiting_bytes > FULL_BYTES or len(self._waiting) > FULL_EVENTS
        for event, state in ((self.filled, self._waiting), (self.emptied, not self._waiting), (self.room, not full)):
            event.set() if state else event.clear()
