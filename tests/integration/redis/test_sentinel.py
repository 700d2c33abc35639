"""The primary behind Sentinels: found, found again after a failover, and never a replica in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.uri import parse
from tests.integration.redis.appending import appending, listening, replicated
from tests.integration.redis.scripts import ALL, ECHO, linked
from tests.support.redis_process import HOST, free_port, wait_for
from tests.support.redis_servers import MASTER_NAME, RedisSentinel, sentinel
from tests.support.waiting import eventually

LIST, CHANNEL = b"list", b"channel"


@pytest.fixture
def watched() -> Iterator[RedisSentinel]:
    """A primary, its replica, and a Sentinel."""
    with sentinel() as running:
        yield running


async def test_the_primary_dies(watched: RedisSentinel) -> None:
    async with linked(watched.servers) as link, listening(link, LIST, CHANNEL) as reader:
        async with appending(link, LIST, CHANNEL) as writer:
            await writer.beyond(50)
            await writer.end()
        # What the replica does not have yet would be gone, which is not the connections' fault.
        await replicated(watched.first, watched.second)
        await asyncio.to_thread(watched.first.kill)
        async with appending(link, LIST, CHANNEL, last=writer.last) as writer:
            await writer.beyond(writer.last + 50)
            await writer.end()
        assert writer.refused
        await reader.until(writer.last)
        await eventually(lambda: reader.missed)
    assert watched.primary is watched.second


async def test_the_primary_changes_under_a_writer_whose_writes_wait_for_the_replica(watched: RedisSentinel) -> None:
    async with linked(watched.servers, min_replicas=1) as link, appending(link, LIST, CHANNEL) as writer:
        await writer.beyond(50)
        told = partial(watched.sentinels[0].command, "SENTINEL")
        await asyncio.to_thread(wait_for, partial(told, "FAILOVER", MASTER_NAME), "a Sentinel that is ready for it")
        await asyncio.to_thread(watched.wait_for_primary, watched.second)
        # The Sentinel does it as well, but may take ten seconds.
        await asyncio.to_thread(watched.first.command, "REPLICAOF", HOST, watched.second.port)
        await writer.beyond(writer.last + 50)
        await writer.end()
        assert await link.fetch(ALL, [LIST], []) == [b"%d" % number for number in range(1, writer.last + 1)]


async def test_the_primary_is_frozen(watched: RedisSentinel) -> None:
    async with linked(watched.servers) as link, listening(link, LIST, CHANNEL) as reader:
        watched.first.freeze()
        async with appending(link, LIST, CHANNEL) as writer:
            await writer.beyond(50)
            await writer.end()
        await reader.until(writer.last)
        watched.first.thaw()


async def test_a_replica_is_not_taken_for_the_primary(watched: RedisSentinel) -> None:
    with sentinel() as wrong:
        wrong.sentinels[0].command("SENTINEL", "REMOVE", MASTER_NAME)
        wrong.sentinels[0].command("SENTINEL", "MONITOR", MASTER_NAME, HOST, watched.second.port, 1)
        astray, right = wrong.sentinels[0].address, watched.sentinels[0].address
        async with linked(parse(f"redis+sentinel://{astray}/{MASTER_NAME}")) as link:
            with pytest.raises(StoreUnavailable):
                await link.run(ECHO, [LIST], [b"x"])
        nobody = f"{HOST}:{free_port()}"
        async with linked(parse(f"redis+sentinel://{nobody},{astray},{right}/{MASTER_NAME}")) as link:
            assert await link.run(ECHO, [LIST], [b"x"]) == b"x"


async def test_a_name_that_no_sentinel_knows(watched: RedisSentinel) -> None:
    async with linked(parse(f"redis+sentinel://{watched.sentinels[0].address}/other")) as link:
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await link.run(ECHO, [LIST], [b"x"])
