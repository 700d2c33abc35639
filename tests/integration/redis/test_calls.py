"""Calls over one connection: their order, and what must not disturb the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import hiredis
import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.link import Link
from tests.integration.redis.scripts import ALL, ECHO, PUSH, linked, script_of
from tests.support.redis_process import RedisServer
from tests.support.redis_servers import alone, standalone
from tests.support.waiting import eventually


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """The shared server, empty."""
    alone().command("FLUSHALL")
    yield alone()
    alone().command("CONFIG", "SET", "maxmemory", "0")


async def test_thousands_of_calls_are_made_in_order_and_each_gets_its_own_reply(server: RedisServer) -> None:
    numbers = [b"%d" % number for number in range(1, 5001)]
    async with linked(server.servers) as link:
        lengths = await asyncio.gather(*(link.run(PUSH, [b"list"], [number]) for number in numbers))
        assert lengths == list(range(1, 5001))
        assert await link.fetch(ALL, [b"list"], []) == numbers


async def test_replies_come_as_they_are(server: RedisServer) -> None:
    mixed = script_of("return {ARGV[1], 7, {false, 'x'}, ''}")
    async with linked(server.servers) as link:
        assert await link.run(mixed, [b"k"], [b"\x00\xff\r\n"]) == [b"\x00\xff\r\n", 7, [None, b"x"], b""]


async def test_a_cancelled_call_disturbs_no_other(server: RedisServer) -> None:
    async with linked(server.servers) as link:
        calls = [asyncio.ensure_future(link.run(ECHO, [b"k"], [b"%d" % number])) for number in range(300)]
        for call in calls[::3]:
            call.cancel()
        await asyncio.sleep(0)
        for call in calls[1::3]:
            call.cancel()  # some of these have been sent
        assert await asyncio.gather(*calls[2::3]) == [b"%d" % number for number in range(2, 300, 3)]


async def test_forgotten_scripts_are_sent_again(server: RedisServer) -> None:
    async with linked(server.servers) as link:
        await link.run(PUSH, [b"list"], [b"0"])
        server.command("SCRIPT", "FLUSH")
        calls = [link.run(PUSH, [b"list"], [b"%d" % number]) for number in range(1, 200)]
        echoes = [link.run(ECHO, [b"k"], [b"%d" % number]) for number in range(200)]
        assert await asyncio.gather(*calls) == list(range(2, 201))
        assert await asyncio.gather(*echoes) == [b"%d" % number for number in range(200)]
        assert await link.fetch(ALL, [b"list"], []) == [b"%d" % number for number in range(200)]


async def test_scripts_flushed_again_and_again_lose_and_double_nothing(server: RedisServer) -> None:
    async def push(link: Link, name: bytes) -> None:
        for number in range(100):
            assert await link.run(PUSH, [name], [b"%d" % number]) == number + 1

    async with linked(server.servers) as link, server.client() as flushing:
        pushing = asyncio.gather(*(push(link, b"list%d" % number) for number in range(10)))
        while not pushing.done():
            await flushing.script_flush()
        await pushing


async def test_a_call_whose_connection_was_cut_is_made_once_or_not_at_all(server: RedisServer) -> None:
    answered: set[bytes] = set()

    async def push(link: Link, numbers: range) -> None:
        for number in numbers:
            with suppress(StoreUnavailable):
                await link.run(PUSH, [b"list"], [b"%d" % number])
                answered.add(b"%d" % number)

    async with linked(server.servers) as link, server.client() as other:
        pushing = asyncio.gather(*(push(link, range(begin, begin + 300)) for begin in range(0, 3000, 300)))
        while not pushing.done():
            await other.client_kill_filter(_type="normal")
        await pushing
        made = await link.fetch(ALL, [b"list"], [])
    assert len(set(made)) == len(made)
    assert answered <= set(made)
    assert answered


async def test_a_long_answer_holds_up_no_call(server: RedisServer) -> None:
    large = script_of("return {" + "string.rep('x', 30 * 1024 * 1024)," * 2 + "}")
    async with linked(server.servers) as link:
        await link.fetch(ECHO, [b"k"], [b""])
        fetching = asyncio.ensure_future(link.fetch(large, [b"k"], []))
        await link.run(ECHO, [b"k"], [b""])
        while await link.run(ECHO, [b"k"], [b"x"]) == b"x" and not fetching.done():
            pass
        assert [len(text) for text in await fetching] == [30 * 1024 * 1024] * 2


async def test_what_is_a_bug_is_raised_as_it_is_and_hurts_no_other(server: RedisServer) -> None:
    wrong = script_of("return redis.call('INCR', KEYS[1])")
    async with linked(server.servers) as link:
        await link.run(PUSH, [b"list"], [b"x"])
        calls = (link.run(script, [b"list"], [b"1"]) for script in (ECHO, wrong, ECHO))
        first, bug, last = await asyncio.gather(*calls, return_exceptions=True)
        assert (first, last) == (b"1", b"1")
        assert isinstance(bug, hiredis.ReplyError)
        assert str(bug).startswith("WRONGTYPE")


async def test_a_full_server_is_not_now(server: RedisServer) -> None:
    async with linked(server.servers) as link:
        server.command("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreUnavailable, match="the store's memory is full"):
            await link.run(PUSH, [b"list"], [b"x"])
        server.command("CONFIG", "SET", "maxmemory", "0")
        assert await link.run(PUSH, [b"list"], [b"x"]) == 1


async def test_a_scan_goes_over_all_keys_and_begins_again(server: RedisServer) -> None:
    names = {b"job%d" % number for number in range(2000)}
    async with linked(server.servers) as link:
        await asyncio.gather(*(link.run(PUSH, [name], [b"x"]) for name in [*names, b"other"]))
        for _ in range(2):
            found: set[bytes] = set()
            while found != names:
                found.update(await link.scan(b"job*"))


async def test_nothing_is_left_open(server: RedisServer) -> None:
    async with linked(server.servers) as link:
        await link.run(ECHO, [b"k"], [b"x"])
        await link.fetch(ECHO, [b"k"], [b"x"])
        async with link.hear(b"channel"):
            assert str(server.command("CLIENT", "LIST")).count("streamsvc") == 3
    await eventually(lambda: "streamsvc" not in str(server.command("CLIENT", "LIST")))
    with pytest.raises(StoreUnavailable):
        await link.run(ECHO, [b"k"], [b"x"])


async def test_with_a_password_or_with_tls_and_a_user(server: RedisServer) -> None:
    with standalone(password="pass") as one, standalone(username="ada", password="secret", tls=True) as other:
        for running in (one, other):
            async with linked(running.servers) as link, link.hear(b"channel"):
                assert await link.run(ECHO, [b"k"], [b"x"]) == b"x"
