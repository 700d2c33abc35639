"""Row 1: readers' connections are cut at any byte, any number of times, on three instances of one Redis."""

from __future__ import annotations

from contextlib import AsyncExitStack
from random import Random

import pytest

from tests.support.crowd import Crowd, cutting
from tests.support.events import answer, scripted
from tests.support.fleet import fleet
from tests.support.following import obey
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEDS = by_length([1], [1, 2])
JOBS = by_length(8, 40)
READERS = 3
CUTS = by_length(8, 60)
"""Of connections, for each instance and job."""

SPEEDS = [(30, 20), (300, 200), (1500, 1000), (8000, 0)]
"""Tokens, and how many of them a second; 0 as fast as it goes."""


@pytest.mark.parametrize("seed", SEEDS)
async def test_readers_that_are_cut_off_at_any_byte_and_go_on_elsewhere_are_exact(seed: int) -> None:
    random = Random(seed)
    async with (
        fleet(*3 * [shared().uri]) as instances,
        cutting(instances, random, cuts=CUTS * JOBS, cut_after=(10, 100_000)) as proxies,
        AsyncExitStack() as opened,
    ):
        direct = [await opened.enter_async_context(client_of(instance.address)) for instance in instances]
        crowds: dict[str, Crowd] = {}
        for number in range(JOBS):
            tokens, rate = SPEEDS[number % len(SPEEDS)]
            request = scripted(tokens=tokens, rate=rate, seed=seed, rich=number % 3 == 0)
            job = await random.choice(direct).start_request(request)
            addresses = [proxy.address for proxy in proxies]
            crowds[job.id] = await opened.enter_async_context(Crowd(job.id, addresses, random))
            for _ in range(READERS):
                await crowds[job.id].add()
        for number, (job_id, crowd) in enumerate(crowds.items()):
            state = await obey(random.choice(direct), job_id, crowd.readers, cause=f"seed {seed}")
            assert answer(state).count(" ") == SPEEDS[number % len(SPEEDS)][0]
        assert sum(crowd.reconnects for crowd in crowds.values()) > 5 * JOBS
        assert all(proxy.cut > 4 * JOBS for proxy in proxies)
