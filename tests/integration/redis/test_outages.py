"""Servers that are away, start again, or never answer: every call ends, and soon after the server is back so is all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis import ear, lane
from streamsvc.store.redis.link import Link
from streamsvc.store.redis.uri import parse
from tests.integration.redis.appending import appending, listening
from tests.integration.redis.scripts import ECHO, TELL, linked, script_of
from tests.support.proxy import Proxy
from tests.support.redis_process import HOST, RedisServer, free_port
from tests.support.redis_servers import standalone
from tests.support.waiting import eventually


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of the test's own."""
    with standalone() as running:
        yield running


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let links wait for less time than they should."""
    monkeypatch.setattr(lane, "REPLY_TIMEOUT", 0.5)
    monkeypatch.setattr(ear, "ROUND_TIMEOUT", 0.3)
    monkeypatch.setattr(ear, "IDLE", 0.1)


@pytest.fixture
async def impatient(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Link]:
    """An impatient link to it."""
    be_impatient(monkeypatch)
    async with linked(server.servers) as link:
        yield link


@pytest.fixture
async def impatient_of_proxy(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Link, Proxy]]:
    """The same through a proxy."""
    be_impatient(monkeypatch)
    async with Proxy(server.address) as proxy, linked(parse(f"redis://{proxy.address}")) as link:
        yield link, proxy


async def echoed(link: Link) -> None:
    """Call until it is answered."""
    async with asyncio.timeout(10):
        while True:
            try:
                assert await link.run(ECHO, [b"k"], [b"x"]) == b"x"
            except StoreUnavailable:
                await asyncio.sleep(0.01)
            else:
                return


async def test_nobody_there() -> None:
    async with linked(parse(f"redis://{HOST}:{free_port()}")) as link:
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await link.run(ECHO, [b"k"], [b"x"])
        with pytest.raises(StoreUnavailable):
            await link.scan(b"*")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            async with link.hear(b"channel"):
                pass
        assert 1.9 < time.monotonic() - began < 3


async def test_a_wrong_password() -> None:
    with standalone(password="right") as server:
        async with linked(parse(f"redis://:wrong@{server.address}")) as link:
            with pytest.raises(StoreUnavailable, match="the store refuses the user or the password"):
                await link.run(ECHO, [b"k"], [b"x"])
        async with linked(parse(f"redis://{server.address}")) as link:
            with pytest.raises(StoreUnavailable, match="the store asks for a password"):
                await link.run(ECHO, [b"k"], [b"x"])


async def test_a_server_that_is_started_again(server: RedisServer) -> None:
    async with linked(server.servers) as link, link.hear(b"channel") as said:
        await link.run(ECHO, [b"k"], [b"x"])
        await asyncio.to_thread(server.kill)
        with pytest.raises(StoreUnavailable):
            await link.run(ECHO, [b"k"], [b"x"])
        await asyncio.to_thread(server.start)
        await echoed(link)
        assert await anext(said) is None
        await link.run(TELL, [b"channel"], [b"back"])
        assert await anext(said) == b"back"


async def test_calls_in_flight_and_in_the_queue_fail_when_the_server_dies(server: RedisServer) -> None:
    async with linked(server.servers) as link:
        await link.run(ECHO, [b"k"], [b"x"])
        server.freeze()
        calls = [asyncio.ensure_future(link.run(ECHO, [b"k"], [b"x"]))]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        calls += [asyncio.ensure_future(link.run(ECHO, [b"k"], [b"x"])) for _ in range(10)]
        await asyncio.sleep(0)
        await asyncio.to_thread(server.kill)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}


async def test_a_server_that_never_answers(server: RedisServer, impatient: Link) -> None:
    async with impatient.hear(b"channel") as said:
        await impatient.run(ECHO, [b"k"], [b"x"])
        server.freeze()
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await impatient.run(ECHO, [b"k"], [b"x"])
        assert 0.4 < time.monotonic() - began < 1.5
        # It accepts connections, since its system does, and says nothing on them.
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await impatient.run(ECHO, [b"k"], [b"x"])
        with pytest.raises(StoreUnavailable):
            async with impatient.hear(b"other"):
                pass
        server.thaw()
        await echoed(impatient)
        assert await anext(said) is None
        await impatient.run(TELL, [b"channel"], [b"back"])
        assert await anext(said) == b"back"


async def test_a_long_answer_is_not_given_up_while_bytes_come(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "REPLY_TIMEOUT", 0.5)
    large = script_of(f"return string.rep('x', {1024 * 1024})")
    async with Proxy(server.address, delay=0.1) as proxy, linked(parse(f"redis://{proxy.address}")) as link:
        began = time.monotonic()
        assert len(await link.fetch(large, [b"k"], [])) == 1024 * 1024
        assert time.monotonic() - began > 1, "too fast to tell"


async def test_half_open_connections_are_found_and_replaced(
    server: RedisServer, impatient_of_proxy: tuple[Link, Proxy]
) -> None:
    link, proxy = impatient_of_proxy
    async with link.hear(b"channel") as said:
        await link.run(ECHO, [b"k"], [b"x"])
        proxy.swallow()
        assert await anext(said) is None
        await echoed(link)
        await link.run(TELL, [b"channel"], [b"back"])
        assert await anext(said) == b"back"


async def test_connections_cut_at_any_byte(server: RedisServer) -> None:
    async with (
        Proxy(server.address, random=Random(3), cuts=60, cut_after=(10, 20_000)) as proxy,
        linked(parse(f"redis://{proxy.address}")) as link,
        appending(link, b"list", b"channel") as writer,
        listening(link, b"list", b"channel") as reader,
    ):
        await eventually(lambda: proxy.cuts_left == 0)
        await writer.end()
        await reader.until(writer.last)
    assert writer.refused
