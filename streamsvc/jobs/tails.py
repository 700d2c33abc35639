"""The tails of a process: one for each job that is read or written here, gone with its last user."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from streamsvc.errors import JobNotFound, StoreUnavailable
from streamsvc.jobs.tail import Tail
from streamsvc.store.base import Announcement, Store
from streamsvc.v1 import state_pb2

log = logging.getLogger(__name__)

MAX_WINDOW_BYTES = 1024 * 1024
MIN_WINDOW_BYTES = 64 * 1024


@dataclass(slots=True)
class _Kept:
    tail: Tail
    follower: asyncio.Task[None]
    users: int = 0


class Tails:
    """Opens tails and counts their users. All windows together stay within `windows_bytes`."""

    def __init__(
        self, store: Store, *, clock: Callable[[], float], poll_interval: timedelta, windows_bytes: int
    ) -> None:
        self._store = store
        self._clock = clock
        self._poll_seconds = poll_interval.total_seconds()
        self._windows_bytes = windows_bytes
        self._kept: dict[str, _Kept] = {}

    def __len__(self) -> int:
        """Return how many jobs have a tail here."""
        return len(self._kept)

    def knows(self, job_id: str) -> bool:
        """Tell whether the job has a tail here."""
        return job_id in self._kept

    @contextmanager
    def open(self, job_id: str) -> Iterator[Tail]:
        """Use the tail of a job. It is not read yet: see `Tail.refresh`."""
        kept = self._kept.get(job_id)
        if kept is None or kept.tail.failure is not None:
            tail = Tail(job_id, self._store, clock=self._clock, window_bytes=self._share)
            kept = self._kept[job_id] = _Kept(tail, asyncio.create_task(self._follow(tail)))
            kept.follower.add_done_callback(partial(_report, tail))
        kept.users += 1
        try:
            yield kept.tail
        finally:
            kept.users -= 1
            if kept.users == 0:
                kept.follower.cancel()
                if self._kept.get(job_id) is kept:
                    del self._kept[job_id]

    async def state(self, job_id: str) -> state_pb2.JobState:
        """Return a job with all that is stored of it now. Raises JobNotFound, StoreUnavailable, LogCorrupt."""
        with self.open(job_id) as tail:
            await tail.refresh()
            if tail.deleted or tail.missing_since is not None:
                raise JobNotFound.of(job_id)
            return await tail.state()

    def _share(self) -> int:
        share = self._windows_bytes // max(1, len(self._kept))
        return max(MIN_WINDOW_BYTES, min(MAX_WINDOW_BYTES, share))

    async def _follow(self, tail: Tail) -> None:
        """Keep up with a log that is written elsewhere. Ends with the last user at the latest."""
        while not tail.deleted:
            await tail.unfed.wait()
            await tail.open.wait()
            with suppress(StoreUnavailable):
                async with self._store.watch(tail.job_id) as announcements:
                    await tail.refresh()
                    while not (tail.fed or tail.closed or tail.deleted):
                        await self._hear(tail, announcements)
                continue
            with suppress(StoreUnavailable):
                await tail.refresh()  # what cannot be watched can perhaps be read, and else is known to be out of reach
            await asyncio.sleep(self._poll_seconds)

    async def _hear(self, tail: Tail, announcements: AsyncIterator[Announcement]) -> None:
        announcement = None
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll_seconds):
                announcement = await anext(announcements)
        if tail.fed:
            return  # from now on its writer tells it, and nobody else
        if announcement is None or not tail.take(announcement):
            await tail.refresh()


def _report(tail: Tail, follower: asyncio.Task[None]) -> None:
    error = None if follower.cancelled() else follower.exception()
    if isinstance(error, Exception):
        # Not the error's own words: they may quote what was said.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error(
            "job %s: its readers are ended, following it failed with %s\n%s", tail.job_id, type(error).__name__, where
        )
        tail.fail(error.with_traceback(None))
