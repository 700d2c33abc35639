"""Row 3: an instance that only serves readers is killed; its readers go on at another one."""

from __future__ import annotations

from random import Random

import pytest

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
KILLS = by_length(2, 20)


async def test_readers_of_an_instance_that_is_killed_go_on_at_another_one() -> None:
    random = Random(SEED)
    between = 80  # events
    tokens = between * (KILLS + 1)
    async with fleet(*3 * [shared().uri]) as (writer, *others), client_of(writer.address) as direct:
        job = await direct.start_request(scripted(tokens=tokens, rate=by_length(120, 60), pattern="count", rich=True))
        pacer = Follower(direct, job.id, "pacer")
        async with Crowd(job.id, [other.address for other in others], random) as crowd:
            for number in range(KILLS):
                dying = others[number % 2]
                await crowd.arrive(READERS // KILLS, pacer, between * (number + 1))
                await dying.kill()
                await pacer.until(has(len(pacer.record.items) + 20))
                await dying.start()
            state = await obey(direct, job.id, [pacer, *crowd.readers], cause=f"seed {SEED}")
            assert crowd.reconnects >= READERS // 4
        assert answer(state) == "".join(f"{number} " for number in range(tokens))
        assert state.job.attempt == 1
        assert pacer.record.reconnects == 0
