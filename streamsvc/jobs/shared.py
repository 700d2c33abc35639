"""One piece of work for many callers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Shared:
    """Runs `work` once for all who wait for it at the same time. It goes on when a caller is cancelled."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def now(self) -> None:
        """Wait for the run that is under way, or for a new one if there is none."""
        if self._running is None:
            self._running = self._start(None)
        await asyncio.shield(self._running)

    async def after_now(self) -> None:
        """Wait for a run that begins after this call."""
        if self._running is None:
            self._running = self._start(None)
            await asyncio.shield(self._running)
            return
        if self._next is None:
            self._next = self._start(self._running)
        await asyncio.shield(self._next)

    def _start(self, previous: asyncio.Task[None] | None) -> asyncio.Task[None]:
        task = asyncio.create_task(self._run(previous))
        # All callers may have left when it fails.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _run(self, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait([previous])
        try:
            await self._work()
        finally:
            self._running, self._next = self._next, None
