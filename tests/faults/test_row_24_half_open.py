"""Row 24: connections swallow all bytes without an end, before instances and before Redis: readers go on elsewhere."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.support.counting import counted, counting, said
from tests.support.crowd import has
from tests.support.events import answer
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.proxy import Proxy
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

READERS = by_length(10, 100)
ROUNDS = by_length(1, 3)
RATE, BETWEEN = 80, 260
"""Deltas a second, and so many that they take longer than two heartbeats."""
ENDLESS = 1_000_000
BUSY = by_length(1.0, 5.0)
"""Seconds that a busy machine may add to what is promised."""


async def test_readers_over_connections_that_are_half_open_go_on_within_two_heartbeats() -> None:
    loop = asyncio.get_running_loop()
    async with fleet(*3 * [shared().uri]) as (writer, *others), AsyncExitStack() as opened:
        direct = await opened.enter_async_context(client_of(writer.address))
        proxies = [await opened.enter_async_context(Proxy(other.address)) for other in others]
        job = await direct.start_request(counting(ENDLESS, RATE))
        readers = []
        for number in range(READERS):
            addresses = [proxies[(number + turn) % 2].address for turn in range(2)]
            client = await opened.enter_async_context(client_of(*addresses))
            readers.append(Follower(client, job.id, f"reader {number}"))
        for number in range(ROUNDS):
            for reader in readers:
                await reader.until(said(20 + BETWEEN * number))
            seen, began = [len(reader.record.items) for reader in readers], loop.time()
            proxies[number % 2].swallow()
            for reader, count in zip(readers, seen, strict=True):
                await reader.until(has(count + 5))
            assert loop.time() - began < 2 * 1 + BUSY
        await direct.cancel(job.id)
        state = await obey(direct, job.id, readers)
        assert (answer(state), state.job.attempt) == (counted(answer(state).count(" ")), 1)
        assert sum(reader.record.reconnects for reader in readers) >= READERS // 2


async def test_connections_to_redis_that_are_half_open_are_left() -> None:
    tokens = 2 * BETWEEN
    async with (
        Proxy(shared().address) as proxy,
        fleet(f"redis://{proxy.address}", shared().uri) as (behind, direct),
        client_of(behind.address) as at_behind,
        client_of(direct.address) as at_direct,
    ):
        clients = (at_behind, at_direct)
        jobs = [await client.start_request(counting(tokens, RATE)) for client in clients]
        readers = [[Follower(client, job.id, "reader") for client in clients] for job in jobs]
        for following in readers:
            for reader in following:
                await reader.until(said(20))
        proxy.swallow()
        for job, following in zip(jobs, readers, strict=True):
            assert answer(await obey(at_direct, job.id, following)) == counted(tokens)
            assert {reader.record.reconnects for reader in following} == {0}
