"""A real cluster: slots that move, primaries that change and die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from streamsvc.store.redis.link import Link
from streamsvc.store.redis.uri import parse
from tests.integration.redis.appending import appending, listening, replicated
from tests.integration.redis.scripts import PUSH, TELL, linked
from tests.support.redis_servers import RedisCluster, cluster
from tests.support.redis_slots import Move, owner, replica_of
from tests.support.waiting import eventually

LIST, CHANNEL = b"ss:{job}:list", b"ss:{job}:bus"


@pytest.fixture(scope="module")
def three() -> Iterator[RedisCluster]:
    """Three primaries, each with a replica."""
    with cluster(3, replicas=1) as running:
        yield running


@pytest.fixture
async def link(three: RedisCluster) -> AsyncIterator[Link]:
    """A link to the empty cluster."""
    for node in three.nodes:
        if node.running and node.command("ROLE")[0] == "master":
            node.command("FLUSHALL")
    async with linked(three.servers) as opened:
        yield opened


async def hears(link: Link, said: AsyncIterator[bytes | None], text: bytes) -> None:
    """Say it until it is heard. While the nodes agree on the move, a channel may be away more than once."""
    async with asyncio.timeout(10):
        while True:
            if await link.run(TELL, [CHANNEL], [text]):
                while (heard := await anext(said)) not in (None, text):
                    pass
                if heard == text:
                    return


async def test_keys_are_found_from_any_seed_and_scanned_on_all(three: RedisCluster) -> None:
    names = {b"job%d" % number for number in range(300)}
    async with linked(parse(f"redis+cluster://127.0.0.1:1,{three.nodes[1].address}")) as link:
        assert set(await asyncio.gather(*(link.run(PUSH, [name], [b"x"]) for name in names))) == {1}
        found: set[bytes] = set()
        while not names <= found:
            found.update(await link.scan(b"job*"))
        async with link.hear(b"one") as one, link.hear(b"two") as two, link.hear(b"three") as last:
            for name, said in ((b"one", one), (b"two", two), (b"three", last)):
                assert await link.run(TELL, [name], [name]) == 1
                assert await anext(said) == name


async def test_a_slot_moves_under_a_writer_and_a_reader(three: RedisCluster, link: Link) -> None:
    async with appending(link, LIST, CHANNEL) as writer, listening(link, LIST, CHANNEL) as reader:
        for _ in range(3):
            move = await asyncio.to_thread(Move, three, LIST)
            for step in (move.begin, move.move_keys, move.end):
                await writer.beyond(writer.last + 50)
                await asyncio.to_thread(step)
            await writer.beyond(writer.last + 50)
        await writer.end()
        await reader.until(writer.last)
        assert not writer.refused
        assert reader.heard


async def test_a_channel_whose_slot_moves_is_heard_at_its_new_place(three: RedisCluster, link: Link) -> None:
    async with link.hear(CHANNEL) as said, link.hear(b"other") as other:
        for turn in range(3):
            move = await asyncio.to_thread(Move, three, CHANNEL)
            await asyncio.to_thread(move.begin)
            await asyncio.to_thread(move.end)
            while await anext(said) is not None:
                pass
            await hears(link, said, b"%d" % turn)
            async with link.hear(CHANNEL) as new:
                await hears(link, new, b"new")
                await hears(link, said, b"new")
        await link.run(TELL, [b"other"], [b"x"])
        assert await anext(other) == b"x"


async def test_a_script_of_several_keys_waits_for_the_end_of_the_move(three: RedisCluster, link: Link) -> None:
    move = await asyncio.to_thread(Move, three, LIST)
    async with appending(link, LIST, CHANNEL, b"{job}:missing") as writer:
        await writer.beyond(10)
        await asyncio.to_thread(move.begin)
        await eventually(lambda: writer.refused)
        await asyncio.to_thread(move.move_keys)
        await asyncio.to_thread(move.end)
        await writer.beyond(writer.last + 10)


async def test_a_primary_that_never_answers_is_left_for_its_replica(three: RedisCluster, link: Link) -> None:
    async with listening(link, LIST, CHANNEL) as reader:
        async with appending(link, LIST, CHANNEL) as writer:
            await writer.beyond(50)
            await writer.end()
        first = await asyncio.to_thread(owner, three, LIST)
        second = await asyncio.to_thread(replica_of, three, first)
        assert second is not None
        await replicated(first, second)
        first.freeze()
        async with appending(link, LIST, CHANNEL, last=writer.last) as writer:
            try:
                await writer.beyond(writer.last)
                heard = reader.heard
                await eventually(lambda: reader.heard > heard)
            finally:
                first.thaw()
            await eventually(lambda: replica_of(three, second) is first)
            await writer.beyond(writer.last + 50)
            await writer.end()
        await reader.until(writer.last)


async def test_a_replica_takes_over_on_demand_and_after_a_death(three: RedisCluster, link: Link) -> None:
    first = await asyncio.to_thread(owner, three, LIST)
    second = await asyncio.to_thread(replica_of, three, first)
    assert second is not None
    async with listening(link, LIST, CHANNEL) as reader:
        async with appending(link, LIST, CHANNEL) as writer:
            await writer.beyond(50)
            await asyncio.to_thread(second.command, "CLUSTER", "FAILOVER")
            await eventually(lambda: owner(three, LIST) is second)
            await writer.beyond(writer.last + 50)
            await writer.end()
        await eventually(lambda: replica_of(three, second) is first)
        # What the replica does not have yet would be gone, which is not the connections' fault.
        await replicated(second, first)
        await asyncio.to_thread(second.kill)
        heard = reader.heard
        async with appending(link, LIST, CHANNEL, last=writer.last) as writer:
            await eventually(lambda: reader.heard > heard + 50)
            await writer.end()
        assert writer.refused
        await reader.until(writer.last)
