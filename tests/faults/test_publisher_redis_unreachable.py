"""Row 8 for processes outside: Redis cannot be reached for longer than every lease, and nobody is robbed after it."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.v1 import producer_service_pb2 as pb
from tests.faults.test_row_08_redis_unreachable import outage
from tests.support.calls import refused
from tests.support.counting import counted, told
from tests.support.events import answer, kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, obey, whole
from tests.support.length import PATIENCE, by_length
from tests.support.outside import AGENT, producer_stub_of
from tests.support.outside_process import WORKERS, for_workers, internal, publisher, worker
from tests.support.proxy import Proxy
from tests.support.redis_servers import standalone
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

OUTAGE = by_length({"cut off": 4.0, "frozen": 7.0}, {"cut off": 30.0, "frozen": 30.0})
"""Seconds. What is frozen is known to be out of reach after 5."""
TOKENS = by_length(400, 2000)
RATE = 50


@pytest.mark.parametrize("how", ["cut off", "frozen"])
async def test_publishers_and_workers_outlast_an_outage_and_keep_their_jobs(how: str) -> None:
    with standalone() as redis:
        async with (
            Proxy(redis.address) as proxy,
            fleet(*2 * [f"redis://{proxy.address}"], environment=WORKERS, claim_grace="20s") as (a, b),
            client_of(a.address, b.address) as client,
            publisher(internal(a, b), "r", TOKENS, RATE) as publishing,
            worker(internal(b, a)),
            # Would rob the others of whatever it can get.
            worker(internal(a, b)),
        ):
            published = await publishing.said("job")
            worked = (await client.start_request(for_workers(TOKENS, RATE))).id
            readers = {job_id: Follower(client, job_id, job_id) for job_id in (published, worked)}
            for reader in readers.values():
                await reader.until(told(20))
            with outage(how, redis, proxy):
                await asyncio.sleep(OUTAGE[how])
                async with producer_stub_of(a.internal_address) as stub:
                    refusal = await refused(stub.ClaimJob(pb.ClaimJobRequest(producer=AGENT), timeout=10 * PATIENCE))
                    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
                    assert refusal.retry_seconds is not None
            for job_id, reader in readers.items():
                state = await obey(client, job_id, [reader])
                assert (answer(state), state.job.attempt) == (counted(TOKENS), 1)
                assert "job_resumed" not in kinds(await whole(client, job_id))
            assert await publishing.ended() == 0
