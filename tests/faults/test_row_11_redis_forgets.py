"""Row 11: Redis forgets its scripts, closes all connections and moves its slots: nobody notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing

import pytest
import redis

from tests.support.counting import counted, counting, said
from tests.support.events import answer
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.redis_process import RedisServer
from tests.support.redis_servers import cluster, standalone
from tests.support.redis_slots import Move
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROUNDS = by_length(5, 30)
BETWEEN = 40
"""Deltas."""
TOKENS = BETWEEN * (ROUNDS + 1)
RATE = 100


@asynccontextmanager
async def under_way(uri: str) -> AsyncIterator[tuple[Sequence[str], Callable[[int], Awaitable[object]]]]:
    """Have jobs of two instances run, read at both; afterwards all must be exact, and nobody have come off.

    Gives the jobs' ids, and a wait for so many deltas.
    """
    async with fleet(*2 * [uri], flush_interval="0") as instances, AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(client_of(instance.address)) for instance in instances]
        jobs = [await clients[number % 2].start_request(counting(TOKENS, RATE)) for number in range(4)]
        readers = [[Follower(client, job.id, f"of {job.id}") for client in clients] for job in jobs]

        async def until(deltas: int) -> None:
            await readers[0][1].until(said(deltas))

        yield [job.id for job in jobs], until
        for job, following in zip(jobs, readers, strict=True):
            state = await obey(clients[0], job.id, following)
            assert (answer(state), state.job.attempt) == (counted(TOKENS), 1)
            assert {reader.record.reconnects for reader in following} == {0}


def forget_scripts(server: RedisServer) -> None:
    """Flush the scripts."""
    server.command("SCRIPT", "FLUSH", "SYNC")


def close_all(server: RedisServer) -> None:
    """Close the connections of all clients but this one."""
    with closing(redis.Redis(port=server.port)) as client:
        for kind in ("normal", "pubsub"):
            client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")  # type: ignore[no-untyped-call]


BOTH = (forget_scripts, close_all)


@pytest.mark.parametrize("faults", by_length([BOTH], [BOTH, BOTH[:1], BOTH[1:]]))
async def test_scripts_and_connections_that_are_gone_are_noticed_by_nobody(
    faults: Sequence[Callable[[RedisServer], None]],
) -> None:
    with standalone() as server:
        async with under_way(server.uri) as (_, until):
            for number in range(ROUNDS):
                await until(BETWEEN * (number + 1))
                for fault in faults:
                    await asyncio.to_thread(fault, server)


async def test_slots_move_under_writers_and_readers() -> None:
    with cluster(3) as nodes:
        async with under_way(nodes.uri) as (job_ids, until):
            for number in range(ROUNDS):
                moves = [await asyncio.to_thread(Move, nodes, f"{{{job_id}}}".encode()) for job_id in job_ids]
                for part, act in enumerate((Move.begin, Move.move_keys, Move.end)):
                    await until(BETWEEN * number + part * BETWEEN // 3)
                    for move in moves:
                        await asyncio.to_thread(act, move)
