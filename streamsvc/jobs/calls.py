"""What writers are called for, heard at once: to stop a job, and to take one that another instance gives away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from streamsvc.errors import StoreUnavailable
from streamsvc.store.base import Store

log = logging.getLogger(__name__)


class Calls:
    """Hears calls while it runs. What it misses is noticed at the next renewal, or by the reaper.

    `stop` is told of a job and why, `take` of a job that was given away, `wake` of the producer outside the service
    that may claim one.
    """

    def __init__(
        self,
        store: Store,
        *,
        stop: Callable[[str, str], None],
        take: Callable[[str], Awaitable[None]],
        wake: Callable[[str], None],
        pause: float,
    ) -> None:
        self._store = store
        self._stop = stop
        self._take = take
        self._wake = wake
        self._pause = pause

    async def run(self) -> None:
        """Listen, again and again. Runs as a task of its own."""
        while True:
            # An instance that stops gives all its jobs away at once: they do not wait for each other.
            async with asyncio.TaskGroup() as taking:
                with suppress(StoreUnavailable):
                    async with self._store.watch_calls() as calls:
                        async for call in calls:
                            if call.producer:
                                self._wake(call.producer)
                            elif call.released:
                                taking.create_task(self._take_over(call.job_id))
                            else:
                                self._stop(call.job_id, call.cancel_reason)
            await asyncio.sleep(self._pause)

    async def _take_over(self, job_id: str) -> None:
        try:
            await self._take(job_id)
        except StoreUnavailable:
            pass  # the reaper will find it
        except Exception as error:
            log.error("job %s cannot be taken over: %s", job_id, type(error).__name__)
