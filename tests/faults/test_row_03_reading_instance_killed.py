"""Row 3: an instance that only serves readers is killed; its readers go on at another one."""

from __future__ import annotations

from random import Random

import pytest

from streamsvc.v1 import job_pb2
from tests.support.crowd import Crowd, has
from tests.support.events import answer, scripted
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 3
READERS = by_length(20, 200)
KILLS = by_length(2, 8)
BETWEEN = 50
"""Events between two kills, at least."""


async def test_readers_of_an_instance_that_is_killed_go_on_at_another_one() -> None:
    random = Random(SEED)
    async with fleet(*3 * [shared().uri]) as (writer, *others), client_of(writer.address) as direct:
        # It says more than anybody waits for, and is cancelled when enough was killed.
        job = await direct.start_request(scripted(tokens=100_000, rate=120, pattern="count", rich=True))
        pacer = Follower(direct, job.id, "pacer")
        async with Crowd(job.id, [other.address for other in others], random) as crowd:
            for number in range(KILLS):
                dying = others[number % 2]
                await crowd.arrive(READERS // KILLS, pacer, len(pacer.record.items) + BETWEEN)
                await dying.kill()
                await pacer.until(has(len(pacer.record.items) + BETWEEN))
                await dying.start()
            await direct.cancel(job.id)
            state = await obey(direct, job.id, [pacer, *crowd.readers], cause=f"seed {SEED}")
            assert crowd.reconnects >= READERS // 4
        assert (state.job.status, state.job.attempt) == (job_pb2.JOB_STATUS_CANCELLED, 1)
        words = answer(state).split()
        assert words == [str(number) for number in range(len(words))]
        assert pacer.record.reconnects == 0
