"""Health, as gRPC has it (grpc.health.v1): `live`, `` (ready), `store`, and one name for each service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from grpc_health.v1 import health, health_pb2

LIVE = "live"
READY = ""
STORE = "store"

TELL_SECONDS = 1.0
"""How long those who watch the health have to hear of a stop."""


class Health:
    """Says whether this instance should get calls: its store answers, and it is not about to stop."""

    def __init__(self, services: Sequence[str], store_answers: Callable[[], bool], interval: float) -> None:
        self.servicer = health.aio.HealthServicer()
        self._ready = (READY, STORE, *services)
        self._store_answers = store_answers
        self._interval = interval
        self._draining = False

    async def run(self) -> None:
        """Keep the statuses true. Runs as a task of its own."""
        await self.servicer.set(LIVE, health_pb2.HealthCheckResponse.SERVING)
        while True:
            await self._tell()
            await asyncio.sleep(self._interval)

    async def drain(self) -> None:
        """Ask for no more calls from now on. The instance stays live."""
        self._draining = True
        # A watcher that takes nothing must not hold up the stop.
        with suppress(TimeoutError):
            async with asyncio.timeout(TELL_SECONDS):
                await self._tell()

    async def _tell(self) -> None:
        for name in self._ready:
            serving = self._store_answers() and (name == STORE or not self._draining)
            status = health_pb2.HealthCheckResponse
            await self.servicer.set(name, status.SERVING if serving else status.NOT_SERVING)
