"""What is said on channels: heard from the moment of entering on, by all, and no subscription left behind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis import ear
from streamsvc.store.redis.link import Link
from tests.integration.redis.scripts import TELL, linked
from tests.support.redis_process import RedisServer
from tests.support.redis_servers import alone
from tests.support.waiting import eventually


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that no instance is on. Nobody may be left on it."""
    running = alone()
    yield running
    assert running.command("PUBSUB", "SHARDCHANNELS") == []


def subscribers(server: RedisServer) -> int:
    """Count the connections that listen."""
    return str(server.command("CLIENT", "LIST", "TYPE", "PUBSUB")).count("streamsvc")


async def test_one_that_has_entered_hears_all_from_then_on(server: RedisServer) -> None:
    async with linked(server.servers) as link:
        for number in range(200):
            async with link.hear(b"channel") as said:
                assert await link.run(TELL, [b"channel"], [b"%d" % number]) == 1
                assert await anext(said) == b"%d" % number


async def test_many_listeners_of_many_channels_share_one_connection(server: RedisServer) -> None:
    async def listen(link: Link, number: int, ready: asyncio.Barrier) -> None:
        name = b"channel%d" % (number % 100)
        async with link.hear(name) as said:
            await ready.wait()
            assert subscribers(server) == 1 if number == 0 else True
            if number < 100:
                assert await link.run(TELL, [name], [name]) == 1
            assert await anext(said) == name

    async with linked(server.servers) as link:
        ready = asyncio.Barrier(500)
        await asyncio.gather(*(listen(link, number, ready) for number in range(500)))


async def test_coming_and_going_misses_nothing_that_is_said_in_between(server: RedisServer) -> None:
    chance = random.Random(7)

    async def come_and_go(link: Link, who: int) -> None:
        for turn in range(30):
            name = b"channel%d" % chance.randrange(3)
            async with link.hear(name) as said:
                mine = b"%d %d" % (who, turn)
                await link.run(TELL, [name], [mine])
                async with asyncio.timeout(5):
                    while await anext(said) != mine:
                        pass
            if chance.random() < 0.5:
                await asyncio.sleep(0)

    async with linked(server.servers) as link:
        await asyncio.gather(*(come_and_go(link, who) for who in range(20)))


async def test_entering_may_be_cancelled_at_any_time(server: RedisServer) -> None:
    async def listen(link: Link) -> None:
        async with link.hear(b"channel") as said:
            await anext(said)

    async with linked(server.servers) as link:
        for turns in range(40):
            task = asyncio.create_task(listen(link))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        async with link.hear(b"channel") as said:
            await link.run(TELL, [b"channel"], [b"x"])
            assert await anext(said) == b"x"


async def test_waiting_for_the_next_may_be_cancelled_and_begun_again(server: RedisServer) -> None:
    async with linked(server.servers) as link, link.hear(b"channel") as said:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(said), 0)
        await link.run(TELL, [b"channel"], [b"x"])
        assert await anext(said) == b"x"


async def test_a_broken_connection_is_told_once_it_is_back(server: RedisServer) -> None:
    async with linked(server.servers) as link, link.hear(b"one") as one, link.hear(b"two") as two:
        for turn in range(5):
            server.command("CLIENT", "KILL", "TYPE", "pubsub")
            assert (await anext(one), await anext(two)) == (None, None)
            async with link.hear(b"three") as three:
                for name, said in ((b"one", one), (b"two", two), (b"three", three)):
                    assert await link.run(TELL, [name], [b"%d" % turn]) == 1
                    assert await anext(said) == b"%d" % turn


async def test_connections_that_are_cut_again_and_again_leave_all_listening_in_the_end(server: RedisServer) -> None:
    async def come_and_go(link: Link, who: int) -> None:
        for _ in range(20):
            try:
                async with link.hear(b"channel%d" % (who % 3)):
                    await asyncio.sleep(0)
            except StoreUnavailable:
                pass  # cut for too long, which is allowed

    async with linked(server.servers) as link, link.hear(b"channel0") as said, server.client() as other:
        coming = asyncio.gather(*(come_and_go(link, who) for who in range(20)))
        for _ in range(10):
            await other.client_kill_filter(_type="pubsub")
            assert await anext(said) is None
        await coming
        await link.run(TELL, [b"channel0"], [b"end"])
        while await anext(said) != b"end":
            pass


async def test_one_that_does_not_keep_up_misses_the_newest_and_holds_up_nobody(server: RedisServer) -> None:
    async with linked(server.servers) as link, link.hear(b"channel") as slow, link.hear(b"channel") as fast:
        for number in range(200):
            await link.run(TELL, [b"channel"], [b"%d" % number])
            assert await anext(fast) == b"%d" % number
        assert await anext(slow) == b"0"


async def test_the_connection_is_closed_some_time_after_the_last_has_left(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ear, "IDLE", 0.02)
    async with linked(server.servers) as link:
        for _ in range(2):
            async with link.hear(b"channel"):
                assert subscribers(server) == 1
            await eventually(lambda: "streamsvc" not in str(server.command("CLIENT", "LIST")))
