"""A reader that does as the protocol says, whatever happens to its instances."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from streamsvc.errors import JobNotFound, StoreUnavailable
from streamsvc.principal import ANONYMOUS
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.reading import Collected
from tests.support.rig import Rig
from tests.support.virtual_time import now


class Wanderer:
    """Follows a job to its end, at one instance after the other.

    `gone`: it was told that there is no such job. `asked`: it asked for a snapshot.
    """

    def __init__(self, opened: Sequence[Rig], job_id: str, random: Random) -> None:
        self.seen = Collected()
        self.gone = False
        self.ended_at = 0.0
        self._opened = opened
        self._job_id = job_id
        self._random = random
        self._snapshot = random.random() < 0.3
        self._rig: Rig | None = None
        self.asked = self._snapshot
        self.call = asyncio.create_task(self._follow())
        self.task = asyncio.create_task(self._run())

    def interrupt(self, rig: Rig | None = None) -> None:
        """Break its connection, if it is to `rig` or `rig` is None."""
        if rig in (None, self._rig):
            self.call.cancel()

    async def _run(self) -> None:
        while not self.seen.finished and not self.gone:
            await asyncio.wait({self.call})
            if self.call.cancelled() or isinstance(self.call.exception(), StoreUnavailable):
                await asyncio.sleep(self._random.random())
                self.call = asyncio.create_task(self._follow())
            elif isinstance(self.call.exception(), JobNotFound):
                self.gone = True
            else:
                self.call.result()
                assert self.seen.finished, "a call ended before the final event"
        self.ended_at = now()

    async def _follow(self) -> None:
        self.seen.begin_call()
        rig = self._rig = self._random.choice(self._opened)
        cursor = self.seen.cursor
        request = pb.StreamJobRequest(job_id=self._job_id, epoch=cursor.epoch, after_offset=cursor.offset)
        if self._snapshot and not cursor.offset:
            request.catch_up = pb.CATCH_UP_MODE_SNAPSHOT
        async for message in rig.jobs.stream(ANONYMOUS, request):
            self.seen.add(message)
