"""Two and three instances on one Redis: readers on those that do not write see every event once, in order."""

from __future__ import annotations

from random import Random

import pytest

from tests.support.crowd import Crowd, cutting
from tests.support.events import answer, scripted
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import FULL, by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

READERS = by_length(12, 200)

ALL = [(instances, rate, seed) for instances in (2, 3) for rate in (50, 200, 2000) for seed in (1, 2)]
CASES = ALL if FULL else [(3, 50, 1), (2, 200, 1), (3, 2000, 1)]
"""How many instances, how many deltas a second, and the seed."""

TOKENS = by_length({50: 60, 200: 250, 2000: 2500}, {50: 1000, 200: 4000, 2000: 10_000})


@pytest.mark.parametrize(("instances", "rate", "seed"), CASES)
async def test_readers_on_other_instances_than_the_writers_are_exact(instances: int, rate: int, seed: int) -> None:
    random, tokens = Random(seed), TOKENS[rate]
    async with (
        fleet(*instances * [shared().uri], flush_interval="0") as (writer, *others),
        client_of(writer.address) as direct,
        # The largest snapshot must get through now and then: nobody comes further without it.
        cutting(others, random, cuts=10_000, cut_after=(300, 20_000 + 40 * tokens)) as proxies,
    ):
        job = await direct.start_request(scripted(tokens=tokens, rate=rate, pattern="count", rich=True))
        async with Crowd(job.id, [proxy.address for proxy in proxies], random) as crowd:
            pacer = Follower(direct, job.id, "pacer")
            await crowd.arrive(READERS, pacer, tokens)
            state = await obey(direct, job.id, [pacer, *crowd.readers], cause=f"seed {seed}")
            assert answer(state) == "".join(f"{number} " for number in range(tokens))
            assert crowd.reconnects > READERS / 4
