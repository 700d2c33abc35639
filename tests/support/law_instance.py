"""One instance of the service as the laws are tested on it: the real jobs code, in a loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any, cast

from streamsvc.errors import JobNotFound, ServerDraining, StoreUnavailable
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.coordinator import Jobs
from streamsvc.jobs.options import JobOptions
from streamsvc.principal import ANONYMOUS
from streamsvc.store.base import Store
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.law_line import Line
from tests.support.law_speaker import Speaker, Speech
from tests.support.law_store import SharedStore
from tests.support.law_time import SharedLoop, Time

WALL_MS = 1_790_000_000_000


class Instance:
    """Runs until it is killed. `line` is its way to the store."""

    def __init__(
        self, time: Time, shared: SharedStore, speech: Speech, options: JobOptions, random: Random, timeout: float
    ) -> None:
        self._time = time
        self._frozen_since = 0.0
        self._lease = options.lease_ttl.total_seconds()
        self.loop = SharedLoop(time)
        self.line = Line(time, self.loop, shared, random, timeout)
        chance = Chance(self.loop.time, lambda: WALL_MS + int(time.now * 1000), random.random, random.randbytes)
        self.jobs = Jobs(cast(Store, self.line), {"speaker": Speaker(speech)}, options, chance)
        time.loops.append(self.loop)
        self.begin(self.jobs.run())

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin something inside it. An error that nobody expects is raised by `Time.run`."""
        task = self.loop.begin(work)
        task.add_done_callback(self._done)
        return task

    def end(self, task: asyncio.Task[None]) -> None:
        """End what was begun."""
        task.cancel()
        self.loop.stir()

    def _ask(self, what: Callable[..., Coroutine[Any, Any, object]], *arguments: object) -> None:
        """Have a caller ask something, who puts up with what may always happen."""

        async def asked() -> None:
            with suppress(JobNotFound, ServerDraining, StoreUnavailable):
                await what(*arguments)

        self.begin(asked())

    def start(self, request: pb.StartGenerationRequest) -> None:
        """Start the job, or find it."""
        self._ask(self.jobs.start, ANONYMOUS, request)

    def cancel(self, job_id: str) -> None:
        """Cancel the job."""
        self._ask(self.jobs.cancel, ANONYMOUS, job_id, "enough")

    def delete(self, job_id: str) -> None:
        """Delete the job."""
        self._ask(self.jobs.delete, ANONYMOUS, job_id)

    def drain(self) -> None:
        """Give everything away."""
        self._ask(self.jobs.drain, timedelta())

    def freeze(self, seconds: float) -> None:
        """Stop the process for so long."""
        now = self._time.now
        if self.loop.frozen_until < now:
            self._frozen_since = now
        self.loop.frozen_until = max(self.loop.frozen_until, now + seconds)
        self._time.at(self._lease, self._look_at_freeze)

    def thaw(self) -> None:
        """Let everything go well from now on."""
        self.loop.frozen_until = self._time.now
        self.line.heal()

    def kill(self) -> None:
        """End the process: nothing leaves it any more."""
        self.line.dead = True
        self._time.loops.remove(self.loop)
        self.loop.bury()

    def _look_at_freeze(self) -> None:
        now = self._time.now
        if self.loop.frozen_until >= now and now - self._frozen_since >= self._lease:
            self.line.stopped_for_a_lease()

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._time.failures.append(error)
