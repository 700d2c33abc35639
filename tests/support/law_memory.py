"""The memory store under shared virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar

from streamsvc.store.base import Announcement, WriterCall
from tests.support.law_time import SharedLoop, Time
from tests.support.lossy_memory import LossyMemoryStore

T = TypeVar("T")

DAY = timedelta(days=1)
Word = Announcement | WriterCall


class OnMemory:
    """See `law_store.Behind`."""

    def __init__(self, time: Time, job_id: str) -> None:
        epochs = count(1)
        self.store = LossyMemoryStore(
            clock=lambda: time.now,
            new_epoch=lambda: f"epoch-{next(epochs)}",
            safety_time=DAY,
            tombstone_time=DAY,
        )
        self._loop = SharedLoop(time)
        self._job_id = job_id

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """See `Behind.run`."""
        task = self._loop.create_task(work)
        self._loop.go_on()
        return task.result()

    async def heard(self) -> None:
        """See `Behind.heard`: whoever waits is told before the loop waits."""

    async def lose(self, job_id: str, to_offset: int, fence: int) -> None:
        """See `Behind.lose`."""
        await self.store.lose(job_id, to_offset, fence)

    async def restart_empty(self) -> None:
        """See `Behind.restart_empty`."""
        await self.store.lose(self._job_id, 0, 0)

    def listen(self, tell: Callable[[Word], None]) -> None:
        """See `Behind.listen`."""
        for watch in (self.store.watch(self._job_id), self.store.watch_calls()):
            self._loop.create_task(listening(watch, tell, asyncio.Event()))
        self._loop.go_on()

    def close(self) -> None:
        """See `Behind.close`."""
        self._loop.bury()
        assert self.store.open_watches() == 0


async def listening(
    watch: AbstractAsyncContextManager[AsyncIterator[Any]], tell: Callable[[Any], None], begun: asyncio.Event
) -> None:
    """Tell of everything that is announced from `begun` on."""
    async with watch as words:
        begun.set()
        async for word in words:
            tell(word)
