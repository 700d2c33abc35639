"""Row 18: 200 readers come and go at random during one job, on three instances; nothing of them is left behind."""

from __future__ import annotations

from contextlib import AsyncExitStack
from random import Random

import pytest

from streamsvc.client import Client
from tests.support.crowd import has
from tests.support.events import answer, scripted
from tests.support.fleet import Instance, fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.redis_process import RedisServer
from tests.support.redis_servers import shared
from tests.support.service import client_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEDS = by_length([1], [1, 2])
READERS = 200
TOKENS, RATE = by_length((200, 100), (2000, 100))


def channels(redis: RedisServer, instance: Instance) -> set[str]:
    """Return what the instances of a fleet listen to."""
    return set(redis.command("PUBSUB", "SHARDCHANNELS", f"{instance.prefix}:*"))


def connections(redis: RedisServer) -> int:
    """Return how many connections there are of instances."""
    return str(redis.command("CLIENT", "LIST")).count("name=streamsvc")


async def read(client: Client, others: list[Client]) -> None:
    """Have a job read once by every one, so that all connections are there that a reader needs."""
    job = await client.start_request(scripted(tokens=5, rate=0))
    await obey(client, job.id, [Follower(other, job.id, "before") for other in others])


@pytest.mark.parametrize("seed", SEEDS)
async def test_readers_that_come_and_go_are_exact_and_leave_nothing_behind(seed: int) -> None:
    random, redis = Random(seed), shared()
    async with fleet(*3 * [redis.uri]) as instances, AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(client_of(instance.address)) for instance in instances]
        await read(clients[0], clients)
        await eventually(lambda: len(channels(redis, instances[0])) == 1)
        before = channels(redis, instances[0]), connections(redis)
        job = await clients[0].start_request(scripted(tokens=TOKENS, rate=RATE, rich=True, pattern="count"))
        pacer = Follower(clients[0], job.id, "pacer")
        readers: list[Follower] = []
        heard: set[str] = set()
        for number, offset in enumerate(sorted(random.randrange(TOKENS) for _ in range(READERS))):
            await pacer.until(has(offset))
            readers.append(Follower(random.choice(clients), job.id, f"reader {number}"))
            place = random.randrange(len(readers))
            heard |= channels(redis, instances[0])
            left = await readers[place].leave()
            cursor = readers[place].stream.cursor
            readers[place] = Follower(random.choice(clients), job.id, left.name, cursor=cursor, before=left.items)
        state = await obey(clients[1], job.id, [pacer, *readers], cause=f"seed {seed}")
        assert answer(state) == "".join(f"{number} " for number in range(TOKENS))
        assert heard > before[0]
        await eventually(lambda: (channels(redis, instances[0]), connections(redis)) == before)
