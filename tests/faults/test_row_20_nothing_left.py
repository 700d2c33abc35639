"""Row 20: many jobs end, expire or are abandoned: after their retention nothing of them is left, here or in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest

from streamsvc.client import Client
from tests.support.counting import counting
from tests.support.events import scripted
from tests.support.fleet import fleet
from tests.support.following import Follower
from tests.support.length import PATIENCE, by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 20
JOBS, ABANDONED = by_length((200, 20), (500, 200))
AT_ONCE = 50
RETENTION, SAFETY = by_length((1, 2), (5, 10))
"""Seconds that a job is kept after its end, and while nobody writes it."""
LIMIT = RETENTION + 2 * SAFETY + 5 * PATIENCE
ROUNDS = 4
MOST = 8 * 1024 * 1024
"""By how many bytes an instance may grow over JOBS jobs: what leaks does so in every round.

An instance grows over its first thousand jobs, by a fifth, and no more over the next five thousand (measured). That no
object is left is asserted by tests/integration/test_objects_left.py.
"""
MEMORIES = ("gone", "meta")
"""Of an owner: for a day those who watch can be told what is gone."""


async def test_nothing_is_left_of_jobs_that_ended_expired_or_were_abandoned() -> None:
    random = Random(SEED)
    async with (
        fleet(*2 * [shared().uri], retention=f"{RETENTION}s", safety_time=f"{SAFETY}s") as instances,
        client_of(instances[0].address) as writer,
        client_of(instances[1].address) as client,
    ):
        sizes = []
        for _ in range(ROUNDS):
            for _ in range(JOBS // AT_ONCE):
                await asyncio.gather(*[lived(writer, client, random.random()) for _ in range(AT_ONCE)])
            sizes.append([instance.service.resident_bytes for instance in instances])
        grown = [[now - then for then, now in pairwise(size)] for size in zip(*sizes, strict=True)]
        assert all(min(rounds) < MOST for rounds in grown), grown
        await until(lambda: left(instances[0].prefix), {*MEMORIES})

        jobs = await asyncio.gather(*[writer.start_request(counting(1000, 10)) for _ in range(ABANDONED)])
        await asyncio.gather(*[instance.kill() for instance in instances])
        await until(lambda: {job.id for job in jobs for key in keys(instances[0].prefix) if job.id in key}, set())
        await instances[0].start()
        await until(lambda: left(instances[0].prefix), {*MEMORIES})
        assert [job async for job in writer.jobs()] == []


async def lived(writer: Client, client: Client, chance: float) -> None:
    """Have one job come to an end in one of the ways there are, read at the other instance."""
    scripts = (counting(5, 0), counting(100, 10), scripted(tokens=5, fail_after=3))
    job = await writer.start_request(scripts[int(chance * len(scripts))])
    reader = Follower(client, job.id, "reader")
    await client.cancel(job.id)
    await reader.done()


async def until(look: Callable[[], set[str]], wanted: set[str]) -> None:
    """Wait until nothing else is found."""
    end = asyncio.get_running_loop().time() + LIMIT
    while (found := look()) != wanted:
        assert asyncio.get_running_loop().time() < end, found
        await asyncio.sleep(0.05)  # between two looks, each of which goes through all of Redis


def left(prefix: str) -> set[str]:
    """Return the last words of all keys in Redis, and the channels of jobs that somebody listens to."""
    channels = [str(name) for name in shared().command("PUBSUB", "SHARDCHANNELS", f"{prefix}:{{*}}:bus")]
    of_jobs = {name for name in channels if "{calls}" not in name}
    return {key.rpartition(":")[2] for key in keys(prefix)} | of_jobs


def keys(prefix: str) -> list[str]:
    """Return all keys of a fleet."""
    return [str(key) for key in shared().command("KEYS", f"{prefix}:*")]
