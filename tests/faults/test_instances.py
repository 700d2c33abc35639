"""Two and three instances on one Redis: readers on those that do not write see every event once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from tests.support.crowd import Crowd, cutting
from tests.support.events import answer, scripted
from tests.support.fleet import Instance, fleet
from tests.support.following import Follower, obey
from tests.support.length import FULL, by_length
from tests.support.redis_servers import sentinel, shared, shared_cluster
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

READERS = by_length(12, 200)

ONE = [("one", instances, rate, rate + instances) for instances in (2, 3) for rate in (50, 200, 2000)]
MORE = [(kind, 3, 2000, 1) for kind in ("cluster", "sentinel")]
CASES = [*ONE, *MORE] if FULL else [("one", 3, 50, 1), ("one", 2, 200, 1), ("cluster", 3, 2000, 1)]
"""What kind of Redis, how many instances, how many deltas a second, and the seed."""

TOKENS = by_length({50: 60, 200: 250, 2000: 2500}, {50: 1000, 200: 4000, 2000: 10_000})


@contextmanager
def redis_of(kind: str) -> Iterator[str]:
    """Give the URI of one server, of a cluster, or of a primary behind Sentinels."""
    if kind == "sentinel":
        with sentinel() as watched:
            yield watched.uri
    else:
        yield shared().uri if kind == "one" else shared_cluster().uri


@pytest.mark.parametrize(("kind", "instances", "rate", "seed"), CASES)
async def test_readers_on_other_instances_than_the_writers_are_exact(
    kind: str, instances: int, rate: int, seed: int
) -> None:
    random, tokens = Random(seed), TOKENS[rate]
    with redis_of(kind) as uri:
        async with fleet(*instances * [uri], flush_interval="0") as (writer, *others):
            await read_by_many(writer, others, tokens, rate, random, f"seed {seed}")


async def read_by_many(
    writer: Instance, others: list[Instance], tokens: int, rate: int, random: Random, cause: str
) -> None:
    """Have a job written by one instance, and read by many readers at others; all must be exact."""
    async with (
        client_of(writer.address) as direct,
        # The largest snapshot must get through now and then: nobody comes further without it.
        cutting(others, random, cuts=10_000, cut_after=(300, 4_000 + 50 * tokens)) as proxies,
    ):
        job = await direct.start_request(scripted(tokens=tokens, rate=rate, pattern="count", rich=True))
        async with Crowd(job.id, [proxy.address for proxy in proxies], random) as crowd:
            pacer = Follower(direct, job.id, "pacer")
            await crowd.arrive(READERS, pacer, tokens)
            state = await obey(direct, job.id, [pacer, *crowd.readers], cause=cause)
            assert answer(state) == "".join(f"{number} " for number in range(tokens))
            assert crowd.reconnects > 0
