"""Three instances over a real Redis under every fault at once: the law holds in each seeded run."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from tests.support import redis_servers
from tests.support.chaos import run
from tests.support.hypothesis_profiles import PROFILE
from tests.support.redis_under_test import RedisUnderTest
from tests.support.times import Times
from tests.support.virtual_redis import VirtualRedis
from tests.support.virtual_time import answers_awaited, in_virtual_time

RUNS = int(os.environ.get("STREAMS_RUNS", 200 if PROFILE == "full" else 6))
DAY = timedelta(days=1)


@in_virtual_time
async def _run(seed: int, *, losses: bool = False, deaths: bool = False, **options: int) -> None:
    server = redis_servers.shared()
    # No timeout of its own: time jumps here.
    async with server.client(socket_timeout=None) as client:
        sut = RedisUnderTest(server.servers, client, [client], Times(safety=DAY, tombstone=DAY))
        try:
            await run(seed, losses=losses, deaths=deaths, shared=VirtualRedis(sut), **options)
        finally:
            with answers_awaited():
                await sut.close()


@pytest.mark.parametrize("seed", range(RUNS))
def test_readers_are_exact_under_every_fault(seed: int) -> None:
    _run(seed)


@pytest.mark.parametrize("seed", range(RUNS))
def test_readers_are_exact_or_rebased_when_redis_loses_what_it_acknowledged(seed: int) -> None:
    _run(1000 + seed, losses=True)


@pytest.mark.parametrize("seed", range(RUNS))
def test_readers_are_exact_or_rebased_with_checkpoints_and_a_trimmed_log(seed: int) -> None:
    _run(2000 + seed, losses=True, max_log_bytes=2000, checkpoint_bytes=500)


@pytest.mark.parametrize("seed", range(RUNS))
def test_readers_are_exact_or_told_that_all_is_gone_when_instances_die_and_redis_restarts_empty(seed: int) -> None:
    _run(3000 + seed, losses=True, deaths=True)
