"""Connections that are cut at any byte, any number of times: every reader is exact."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from random import Random

import pytest

from streamsvc.backoff import Backoff
from streamsvc.client import Client
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import answer, scripted
from tests.support.following import Follower, obey
from tests.support.hypothesis_profiles import PROFILE
from tests.support.producers import STOP, Told
from tests.support.proxy import Proxy
from tests.support.service import Service, app, client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEDS = range(1, 21 if PROFILE == "full" else 2)
JOBS, READERS = 20, 3

QUICK = Backoff(maximum=timedelta(milliseconds=200))

SPEEDS = [(30, 20), (100, 60), (300, 200), (1500, 1000), (4000, 0), (20_000, 0)]
"""Tokens, and how many of them a second; 0 as fast as it goes."""


@asynccontextmanager
async def clients(count: int, address: str) -> AsyncIterator[Sequence[Client]]:
    """Open so many clients, each with connections of its own."""
    async with AsyncExitStack() as opened:
        yield [await opened.enter_async_context(client_of(address, backoff=QUICK)) for _ in range(count)]


def request_of(number: int, seed: int) -> pb.StartGenerationRequest:
    tokens, rate = SPEEDS[number % len(SPEEDS)]
    pattern = "count" if number % 2 else "words"
    return scripted(tokens=tokens, rate=rate, pattern=pattern, seed=seed, rich=number % 3 == 0)


@pytest.mark.parametrize("seed", SEEDS)
async def test_readers_whose_connections_are_cut_at_any_byte_see_every_event_once(seed: int) -> None:
    random = Random(seed)
    async with await Service.start() as service, client_of(service.address) as direct:
        proxy = Proxy(service.address, random=random, cuts=1000, cut_after=(10, 300_000))
        async with proxy, clients(JOBS * READERS, proxy.address) as opened:
            followers: dict[str, list[Follower]] = {}
            for number in range(JOBS):
                job = await direct.start_request(request_of(number, seed))
                mine = opened[number * READERS : (number + 1) * READERS]
                followers[job.id] = [Follower(client, job.id, f"{number}/{place}") for place, client in enumerate(mine)]
            for number, (job_id, readers) in enumerate(followers.items()):
                state = await obey(direct, job_id, readers, cause=f"seed {seed}")
                assert answer(state).count(" ") == SPEEDS[number % len(SPEEDS)][0]
        reconnects = sum(reader.record.reconnects for readers in followers.values() for reader in readers)
        assert proxy.cut > 100
        assert reconnects > 100
        assert "incident" not in service.text
        assert "Traceback" not in service.text


@pytest.mark.parametrize("seed", SEEDS)
async def test_calls_through_a_proxy_that_cuts_are_done_once(seed: int) -> None:
    random = Random(seed)
    async with await Service.start() as service, client_of(service.address) as direct:
        proxy = Proxy(service.address, random=random, cuts=60, cut_after=(10, 3000))
        async with proxy, clients(10, proxy.address) as opened:
            jobs = await asyncio.gather(
                *[client.start_request(scripted(tokens=5, rate=0)) for client in opened for _ in range(3)]
            )
            states = await asyncio.gather(*[client.state(job.id) for client, job in zip(opened, jobs, strict=False)])
        assert proxy.cut > 10
        assert len({job.id for job in jobs}) == 30
        assert len(states) == 10
        listed = [job.id async for job in direct.jobs()]
        assert sorted(listed) == sorted(job.id for job in jobs)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_large_snapshot_whose_slices_are_cut_apart_is_whole_or_not_there(seed: int) -> None:
    told = Told()
    words = [f"{number:03d}" + "x" * 200_000 for number in range(30)]
    async with app({"told": told}) as (_, address), client_of(address) as direct:
        job = await direct.start("why?")
        told.say_text(*words)
        told.say(STOP)
        await Follower(direct, job.id, "before").done()
        proxy = Proxy(address, random=Random(seed), cuts=60, cut_after=(1000, 30_000_000))
        async with proxy, clients(6, proxy.address) as opened:
            snapshot = pb.CATCH_UP_MODE_SNAPSHOT
            readers = [Follower(client, job.id, "reader", catch_up=snapshot) for client in opened]
            records = [await reader.done() for reader in readers]
        assert proxy.cut > 3
        for record in records:
            assert [answer(state) for state in record.snapshots] == ["".join(words)]
            assert record.events == []
