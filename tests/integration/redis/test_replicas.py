"""Writes that count once a replica has them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis import replicated
from tests.integration.redis.scripts import ALL, ECHO, PUSH, linked
from tests.support.redis_process import HOST, RedisServer, wait_for
from tests.support.redis_servers import standalone


@pytest.fixture(scope="module")
def replicating() -> Iterator[tuple[RedisServer, RedisServer]]:
    """A primary and its replica."""
    with standalone() as primary, standalone(f"replicaof {HOST} {primary.port}") as replica:
        wait_for(lambda: primary.command("ROLE")[2], "the replica")
        primary.command("SET", "first", "write")
        wait_for(lambda: int(primary.command("ROLE")[2][0][2]) > 0, "its first acknowledgement")
        yield primary, replica


@pytest.fixture
def pair(
    replicating: tuple[RedisServer, RedisServer], monkeypatch: pytest.MonkeyPatch
) -> tuple[RedisServer, RedisServer]:
    """The same, empty, for links that do not wait long."""
    monkeypatch.setattr(replicated, "WAIT_MS", 400)
    replicating[0].command("FLUSHALL")
    return replicating


async def test_a_write_is_answered_when_the_replica_has_it(pair: tuple[RedisServer, RedisServer]) -> None:
    primary, replica = pair
    async with linked(primary.servers, min_replicas=1) as link:
        for number in range(1, 20):
            assert await link.run(PUSH, [b"list"], [b"x"]) == number
            assert replica.command("LLEN", "list") == number
        numbers = await asyncio.gather(*(link.run(PUSH, [b"list"], [b"x"]) for _ in range(1000)))
        assert numbers == list(range(20, 1020))


async def test_a_write_that_no_replica_has_may_have_been_made_and_reads_go_on(
    pair: tuple[RedisServer, RedisServer],
) -> None:
    primary, replica = pair
    async with linked(primary.servers, min_replicas=1) as link:
        await link.run(ECHO, [b"k"], [b"x"])
        replica.freeze()
        calls = [link.run(PUSH, [b"list"], [b"x"]), link.run(ECHO, [b"k"], [b"y"]), link.run(PUSH, [b"list"], [b"z"])]
        first, read, last = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(first, StoreUnavailable)
        assert isinstance(last, StoreUnavailable)
        assert read == b"y"
        assert await link.fetch(ALL, [b"list"], []) == [b"x", b"z"]
        replica.thaw()
        assert await link.run(PUSH, [b"list"], [b"x"]) == 3


async def test_a_connection_that_breaks_before_the_replica_has_it(pair: tuple[RedisServer, RedisServer]) -> None:
    primary, replica = pair
    async with linked(primary.servers, min_replicas=1) as link:
        await link.run(ECHO, [b"k"], [b"x"])
        replica.freeze()
        call = asyncio.ensure_future(link.run(PUSH, [b"list"], [b"x"]))
        await asyncio.to_thread(wait_for, lambda: primary.command("LLEN", "list") == 1, "the write")
        await asyncio.to_thread(primary.command, "CLIENT", "KILL", "TYPE", "normal")
        with pytest.raises(StoreUnavailable, match="the connection to the store broke"):
            await call
        replica.thaw()
