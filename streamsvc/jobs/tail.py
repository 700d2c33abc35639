"""A job as this process knows it: its newest frames, and the fold of all of them once somebody asks for a state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from streamsvc.errors import JobDeleted, JobNotFound, LogCorrupt, StoreUnavailable
from streamsvc.fold import Fold
from streamsvc.jobs.loading import READ_BYTES, loaded
from streamsvc.jobs.shared import Shared
from streamsvc.jobs.snapshots import messages_of
from streamsvc.log import START, Batch, Chain, Cursor, Frames, serves
from streamsvc.store.base import Announcement, JobRecord, Store, Unservable
from streamsvc.v1 import state_pb2

TOLD_SECONDS = 0.1
"""Between two looks at a log that is another's, while the writer here does not know it."""

FOLD_BYTES = 8 * 1024
"""How much is folded at once. It costs next to nothing if all of it is deltas of one part: small pieces mostly are."""

LOADS = 10
"""How often a fold is loaded in vain: what it began with may be trimmed meanwhile, but not time and again."""

Snapshot = tuple[Cursor, Sequence[bytes]]
"""A cursor, and the messages of the snapshot that it stands for."""

NO_SNAPSHOT: Snapshot = (START, ())


class Tail:
    """One job's window and state, shared by all its readers here.

    The window begins where the tail was opened and moves with the log; what lies before it is read from the store.
    A tail is `fed` from memory while its writer is in this process and holds the lease. Then it never lets go of what
    the writer would need to restore the log: all its frames, or a fold of those it dropped.

    `clock` returns seconds that never go back, `window_bytes` how much this tail may hold just now.
    """

    def __init__(
        self, job_id: str, store: Store, *, clock: Callable[[], float], window_bytes: Callable[[], int]
    ) -> None:
        self.job_id = job_id
        self.owner = ""
        self.epoch = ""
        self.chain: Chain = ()
        self.deleted = False
        self.failure: Exception | None = None  # what keeps it from following the log
        self.missing_since: float | None = None
        self.unreachable_since: float | None = None
        self.answered_at = float("-inf")  # when the newest answer of the store was asked for
        self.unfed = asyncio.Event()
        self.unfed.set()
        self.open = asyncio.Event()
        self.open.set()
        self._store = store
        self._clock = clock
        self._window_bytes = window_bytes
        self._window = Frames()
        self._fold: Fold | None = None
        self._snapshot: Snapshot = NO_SNAPSHOT
        self._waiting: set[asyncio.Future[bool]] = set()
        self._reads = Shared()
        self._loads = Shared()
        self._snapshots = Shared()

    @property
    def fed(self) -> bool:
        """Whether the writer of the job feeds this tail."""
        return not self.unfed.is_set()

    @property
    def closed(self) -> bool:
        """Whether the log has its final event. A store that loses that event opens it again."""
        return not self.open.is_set()

    @property
    def last(self) -> int:
        """Offset of the newest event known here."""
        return self._window.last

    @property
    def base(self) -> int:
        """Offset of the event before the window."""
        return self._window.base

    @property
    def cursor(self) -> Cursor:
        """The end of what is known here."""
        return Cursor(self.epoch, self.last)

    def serves(self, cursor: Cursor) -> bool:
        """Tell whether what is known here goes on from `cursor`."""
        ahead_of_closed = self.closed and cursor.offset > self.last
        return serves(cursor, self.epoch, self.chain) and not ahead_of_closed

    def read(self, after: int, max_bytes: int) -> tuple[bytes, int]:
        """Return frames after the event `after`, which is in the window, and the offset of the last of them."""
        return self._window.read(after, max_bytes)

    def wait(self) -> asyncio.Future[bool]:
        """Return a future that is True at the next change. Give it to `forget` if it is not wanted any more."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        return future

    def forget(self, future: asyncio.Future[bool]) -> None:
        """Let go of a future of `wait`."""
        self._waiting.discard(future)

    def adopt(self, record: JobRecord) -> None:
        """Begin anew at the end of the log that `record` tells of."""
        self.owner = record.job.owner
        self.epoch, self.chain = record.job.epoch, record.chain
        self._close(record.closed)
        self._window = Frames(record.job.last_offset)
        self._fold = self.missing_since = None
        self._snapshot = NO_SNAPSHOT
        self._wake()

    def feed(self, record: JobRecord, first: Batch | None) -> None:
        """Begin to be fed by the writer that `record` was handed to.

        `first` is what a new job began with. Without it the job was taken over, and its state was asked for before.
        From here on it holds what its writer knows to be stored, for just that may be put back.
        """
        if first is not None:
            self.adopt(record)
            self._window = Frames()
            self._window.append(first.frames, first.last)
        self.epoch, self.chain = record.job.epoch, record.chain
        self.unfed.clear()
        self._wake()

    def unfeed(self) -> None:
        """Lose the writer: from now on the log is read."""
        self.unfed.set()
        self._wake()

    def fail(self, error: Exception) -> None:
        """Let the readers know that this tail follows the log no more."""
        self.failure = error
        self._wake()

    def take(self, announcement: Announcement) -> bool:
        """Take word of an append. Returns False if the log must be read to make sense of it."""
        if announcement.deleted or announcement.epoch != self.epoch or announcement.after > self.last:
            return False
        if announcement.after == self.last:
            self._extend(announcement.frames, announcement.last, closed=announcement.closed)
        return announcement.last <= self.last

    async def refresh(self) -> None:
        """Read the log to its end. Calls share a read, but only one that begins after they came.

        A missing or a deleted job is no error here: see `missing_since` and `deleted`. Raises StoreUnavailable.
        """
        await self._reads.after_now(self._read)

    async def state(self) -> state_pb2.JobState:
        """Return the job folded up to `last`, a message of its own.

        Raises JobNotFound, LogCorrupt, StoreUnavailable.
        """
        loads = 0
        while True:
            fold = self._fold
            if fold is None:
                if loads == LOADS:
                    raise LogCorrupt("the log cannot be read from its beginning, nor from a checkpoint")
                await self._loads.now(self._load_fold)
                loads += 1
            elif fold.offset < self.last:
                self._fold_some(fold)
                await asyncio.sleep(0)
            else:
                state = fold.state()
                state.job.epoch = self.epoch
                return state

    async def snapshot(self) -> Snapshot:
        """Return a cursor, and the messages of the snapshot that it stands for. Raises as `state`."""
        if self._snapshot[0] != self.cursor:
            await self._snapshots.now(self._make_snapshot)
        while self._snapshot == NO_SNAPSHOT:  # thrown away meanwhile
            await self._snapshots.now(self._make_snapshot)
        return self._snapshot

    def copy(self) -> tuple[state_pb2.JobState | None, int, bytes]:
        """Return all that a fed tail knows: a state, its offset, and the frames after it."""
        if self.base == 0 or self._fold is None:
            return None, 0, self._window.read(0, len(self._window))[0]
        after = self._fold.offset
        return self._fold.state(), after, self._window.read(after, len(self._window))[0]

    async def _make_snapshot(self) -> None:
        state = await self.state()
        self._snapshot = (Cursor(state.job.epoch, state.offset), await messages_of(state))

    def _extend(self, frames: bytes, last: int, *, closed: bool) -> None:
        if frames:
            self._window.append(frames, last)
            self._trim()
        self._close(closed)
        self._wake()

    def _close(self, closed: bool) -> None:
        if closed:
            self.open.clear()
        else:
            self.open.set()

    def _trim(self) -> None:
        excess = len(self._window) - self._window_bytes()
        if excess <= 0:
            return
        # An eighth more than needed, so that not every append trims.
        _, offset = self._window.read(self.base, excess + self._window_bytes() // 8)
        if self.fed and self._fold is None:
            self._fold = Fold()
        while self._fold is not None and self._fold.offset < offset:
            self._fold_some(self._fold)
        self._window.trim_to_offset(offset)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(True)

    def _fold_some(self, fold: Fold) -> None:
        """Fold in what is next in the window, not so much that others must wait."""
        for _ in range(READ_BYTES // FOLD_BYTES):
            if fold.offset < self.last:
                frames, _ = self._window.read(fold.offset, FOLD_BYTES)
                fold.apply_frames(frames)

    async def _read(self) -> None:
        asked = self._clock()
        try:
            await self._read_to_the_end()
            self.missing_since = None
        except JobDeleted:
            self.deleted = True
            self._wake()
        except JobNotFound:
            self.missing_since = asked if self.missing_since is None else self.missing_since
        except StoreUnavailable:
            self.missing_since = None
            self.unreachable_since = asked if self.unreachable_since is None else self.unreachable_since
            raise
        self.answered_at = asked
        self.unreachable_since = None

    async def _read_to_the_end(self) -> None:
        while True:
            try:
                stored = await (self._read_on() if self.epoch else self._read_end())
            except Unservable:
                stored = await self._read_end()
            if not self.fed or stored == self.epoch:
                return
            # The log is another's by now, or its beginning is being put back: the writer here is about to learn of it.
            await asyncio.wait({changed := self.wait()}, timeout=TOLD_SECONDS)
            self.forget(changed)

    async def _read_on(self) -> str:
        """Take what is new in the log, and return its epoch. A fed tail takes nothing: see `feed`."""
        while True:
            asked = self.cursor
            chunk = await self._store.read(self.job_id, asked, max_bytes=READ_BYTES)
            if self.fed:
                return chunk.epoch
            if asked != self.cursor:
                continue  # moved on meanwhile
            self.epoch, self.chain = chunk.epoch, chunk.chain
            if chunk.frames or chunk.closed != self.closed:
                self._extend(chunk.frames, chunk.last, closed=chunk.closed and chunk.last == chunk.end)
            if chunk.last >= chunk.end:
                return chunk.epoch

    async def _read_end(self) -> str:
        record = await self._store.get(self.job_id)
        if not self.fed:
            self.adopt(record)
        return record.job.epoch

    async def _load_fold(self) -> None:
        epoch = self.epoch
        fold, cursor = await loaded(self._store, self.job_id, self.base)
        if epoch == self.epoch and self.serves(cursor) and self.base <= cursor.offset <= self.last:
            self._fold = fold
        else:
            await self.refresh()
