"""One piece of work for many callers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Work = Callable[[], Awaitable[None]]


class Shared:
    """Runs one piece of work once for all who wait for it at the same time. It goes on when a caller is cancelled.

    The work comes with each call, always the same: one that is kept here would keep whoever it belongs to.
    """

    def __init__(self) -> None:
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def now(self, work: Work) -> None:
        """Wait for the run that is under way, or for a new one if there is none."""
        if self._running is None:
            self._running = self._start(work, None)
        await asyncio.shield(self._running)

    async def after_now(self, work: Work) -> None:
        """Wait for a run that begins after this call."""
        if self._running is None:
            self._running = self._start(work, None)
            await asyncio.shield(self._running)
            return
        if self._next is None:
            self._next = self._start(work, self._running)
        await asyncio.shield(self._next)

    def _start(self, work: Work, previous: asyncio.Task[None] | None) -> asyncio.Task[None]:
        task = asyncio.create_task(self._run(work, previous))
        # All callers may have left when it fails.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _run(self, work: Work, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait([previous])
        try:
            await work()
        finally:
            self._running, self._next = self._next, None
