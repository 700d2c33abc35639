"""Redis is out of reach: no instance is well, and callers still hear from one what is wrong and when to try again."""

from __future__ import annotations

import pytest

from tests.integration.envoy.conftest import HEARTBEAT, Edge
from tests.support.calls import refused, stub_of
from tests.support.crowd import has
from tests.support.events import scripted
from tests.support.following import Follower, obey
from tests.support.service import LIMIT, client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_callers_get_the_error_of_the_service_and_streams_stay(edge: Edge) -> None:
    async with (
        client_of(edge.envoy.address, heartbeat_interval=HEARTBEAT) as client,
        stub_of(edge.envoy.address) as stub,
    ):
        job = await client.start_request(scripted(tokens=100_000, rate=20))
        reader = Follower(client, job.id, "reader")
        await reader.until(has(5))
        with edge.redis.outage():
            await edge.envoy.unhealthy(2)
            refusal = await refused(stub.StartGeneration(scripted(tokens=1), timeout=LIMIT))
        assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
        assert refusal.retry_seconds
        await edge.envoy.unhealthy(0)
        await client.cancel(job.id)
        await obey(client, job.id, [reader])
        assert reader.record.reconnects == 0
