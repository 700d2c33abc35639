"""What all tests of Envoy share: one Envoy, before two instances on one Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio

from tests.support.envoy_process import EnvoyProcess
from tests.support.fleet import Instance, fleet
from tests.support.proxy import Proxy
from tests.support.redis_servers import shared

HEARTBEAT = timedelta(seconds=2)
"""So much that none is missed for want of a turn on a busy machine."""

IDLE_SECONDS = 2 * HEARTBEAT.total_seconds()


@pytest.fixture(scope="session", autouse=True)
def one_process(alone: None) -> None:
    """Let nobody else start a model, Chromium or Envoy, or build a page, meanwhile."""


@dataclass(frozen=True)
class Edge:
    """Envoy, and what is behind it; `redis` is what the instances reach their Redis by."""

    envoy: EnvoyProcess
    instances: Sequence[Instance]
    redis: Proxy


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def edge() -> AsyncIterator[Edge]:
    """Run them for all tests. Whoever kills one starts it again."""
    async with (
        Proxy(shared().address) as redis,
        fleet(
            *2 * [f"redis://{redis.address}"],
            reader_stall_timeout="2s",
            drain_readers_grace="200ms",
            drain_jobs_grace="500ms",
        ) as instances,
        EnvoyProcess([one.address for one in instances], stream_idle_timeout=IDLE_SECONDS) as envoy,
    ):
        yield Edge(envoy, instances, redis)
