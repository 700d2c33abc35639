"""`make soak`: three instances on one Redis under every fault at once, for minutes; every reader must be exact."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from tests.support.fleet import Instance, fleet
from tests.support.havoc import Havoc
from tests.support.proxy import Proxy
from tests.support.redis_process import RedisServer
from tests.support.redis_servers import standalone
from tests.support.stories import Stories
from tests.support.waiting import eventually

INSTANCES = 3
PACE = 0.7
"""Mean seconds between two jobs: more than 500 in ten minutes."""
AFTERWARDS = 60.0
"""Seconds in which everything must have come to its end when nothing is disturbed any more."""
ENVIRONMENT = {"STREAMSVC_WAIT_FOR_STORE": "true"}
SETTINGS = {"drain_readers_grace": "200ms", "drain_jobs_grace": "500ms", "max_attempts": "100"}
ENDLESS = 10**9


async def soak(seed: int, seconds: float) -> list[str]:
    """Do it, print what was done, and return what went wrong."""
    drawn = random.Random(seed)
    with standalone("appendonly yes", "appendfsync always") as redis:
        async with AsyncExitStack() as opened:
            before_redis = [await opened.enter_async_context(Proxy(redis.address)) for _ in range(INSTANCES)]
            uris = [f"redis://{proxy.address}" for proxy in before_redis]
            instances = await opened.enter_async_context(fleet(*uris, environment=ENVIRONMENT, own=(), **SETTINGS))
            before_instances = [
                await opened.enter_async_context(
                    Proxy(instance.address, random=drawn, cuts=ENDLESS, cut_after=(1000, 1_000_000))
                )
                for instance in instances
            ]
            havoc = Havoc(instances, redis, before_redis, before_instances, drawn)
            stories = Stories([proxy.address for proxy in before_instances], drawn)
            harming = asyncio.create_task(havoc.run(seconds))
            telling = asyncio.create_task(stories.run(seconds, PACE))
            broken = [*await _ended(harming, telling), *stories.broken]
            broken += await _left(redis, instances)
            cut = sum(proxy.cut for proxy in before_instances)
            _print(havoc.done + Counter({"cut at a random byte": cut}), stories, instances)
    return broken


async def _ended(harming: asyncio.Task[None], telling: asyncio.Task[None]) -> list[str]:
    """Wait for the end of both. The jobs have a limit from when the harm ends."""
    try:
        await harming
        async with asyncio.timeout(AFTERWARDS):
            await telling
    except TimeoutError:
        return [f"jobs or readers did not come to their end within {AFTERWARDS:g} s after the last fault"]
    return []


async def _left(redis: RedisServer, instances: Sequence[Instance]) -> list[str]:
    """Return what is left behind: jobs that are still open, and channels that somebody listens to."""
    prefix = instances[0].prefix

    def channels() -> list[str]:
        found = redis.command("PUBSUB", "SHARDCHANNELS", f"{prefix}:{{*}}:bus")
        return [str(name) for name in found if "{calls}" not in str(name)]

    def open_jobs() -> list[str]:
        keys = redis.command("KEYS", f"{prefix}:{{*}}:job")
        return [str(key) for key in keys if redis.command("HMGET", key, "closed", "deleted") == [None, None]]

    found = []
    for what, left in (("jobs are open", open_jobs), ("jobs are listened to", channels)):
        try:
            await eventually(partial(_none, left), AFTERWARDS)
        except AssertionError:
            found.append(f"{len(left())} {what}: {left()[:5]}")
    return found


def _none(left: Callable[[], list[str]]) -> bool:
    return not left()


def _print(faults: Counter[str], stories: Stories, instances: Sequence[Instance]) -> None:
    jobs = ", ".join(f"{count} {end}" for end, count in sorted(stories.ends.items()))
    print(f"jobs     {sum(stories.ends.values())}: {jobs}")
    print(f"readers  {stories.readers}, {stories.events} events and snapshots, {stories.reconnects} reconnects")
    print(f"faults   {sum(faults.values())}: {', '.join(f'{count} {name}' for name, count in sorted(faults.items()))}")
    takeovers = sum(instance.log.count("is written here now") for instance in instances)
    memory = ", ".join(f"{instance.service.resident_bytes / 2**20:.0f} MiB" for instance in instances)
    print(f"takeovers and hand-overs {takeovers}; memory of the instances {memory}")


def main() -> int:
    """Read the command line, and return the exit code: 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--seconds", type=float, default=600.0)
    given = parser.parse_args()
    print(f"seed     {given.seed}, {given.seconds:g} s", flush=True)
    try:
        broken = asyncio.run(soak(given.seed, given.seconds))
    except Exception as error:
        broken = [f"{type(error).__name__}: {error}"]
    for line in broken:
        print(f"VIOLATION {line}")
    print(f"violations {len(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
