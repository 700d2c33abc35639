"""Finds jobs that nobody writes any more, and has them taken over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from streamsvc.errors import StoreUnavailable
from streamsvc.jobs.options import JobOptions
from streamsvc.store.base import Store

log = logging.getLogger(__name__)


class Reaper:
    """Looks for abandoned jobs at once, and then every `reaper_interval`.

    It takes over only when its own calls have succeeded without a break for one lease: while the store was out of
    reach no writer could renew, and none of them is dead for that (docs/architecture.md, "The rules of one log").
    A job that was given away has no writer to be careful of, and is taken over whenever it is found. `calm` tells
    whether it takes over the others just now.
    """

    def __init__(
        self,
        store: Store,
        take_over: Callable[[str], Awaitable[None]],
        options: JobOptions,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._take_over = take_over
        self._interval = options.reaper_interval.total_seconds()
        self._lease = options.lease_ttl.total_seconds()
        self._clock = clock
        self._calm_since: float | None = None
        self.store_answers = True
        self.calm = False

    async def run(self) -> None:
        """Look again and again. Runs as a task of its own."""
        looked = self._clock()
        while True:
            now = self._clock()
            # A process that was stopped knows nothing of the time between.
            if now - looked > self._interval + self._lease / 2:
                self._calm_since, self.calm = None, False
            looked = now
            try:
                await self._look(now)
                self.store_answers = True
            except StoreUnavailable:
                self._calm_since, self.store_answers, self.calm = None, False, False
            await asyncio.sleep(self._interval)

    async def _look(self, now: float) -> None:
        self.calm = self._calm_since is not None and now - self._calm_since >= self._lease
        abandoned = await self._store.abandoned(released=not self.calm)
        if self._clock() - now > self._lease / 2:
            # Writers waited for the store as well, or this process was stopped meanwhile.
            self._calm_since, self.calm = None, False
            return
        self._calm_since = now if self._calm_since is None else self._calm_since
        for job_id in abandoned:
            log.warning("nobody writes job %s any more", job_id)
            try:
                await self._take_over(job_id)
            except StoreUnavailable:
                raise
            except Exception as error:
                log.error("job %s cannot be taken over: %s", job_id, type(error).__name__)
