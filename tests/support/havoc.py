"""Every fault there is, at random and on top of each other: instances, their Redis, and the network between all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from random import Random

from tests.support.fleet import Instance
from tests.support.proxy import Proxy
from tests.support.redis_process import RedisServer

SPARED = 1
"""How many instances are left alone at any time."""

Fault = Callable[[], Awaitable[None]]


class Havoc:
    """Does harm, drawn from `random`, while `run` runs; after it everything works again. `done` counts what was done.

    `before_redis` is a proxy for each instance, between it and Redis; `before_instances` are those that clients use.
    `pace` is the mean time between two faults of a kind, in seconds.
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        redis: RedisServer,
        before_redis: Sequence[Proxy],
        before_instances: Sequence[Proxy],
        random: Random,
        *,
        pace: float = 3.0,
    ) -> None:
        self.done: Counter[str] = Counter()
        self._redis = redis
        self._before_redis = before_redis
        self._before_instances = before_instances
        self._random = random
        self._pace = pace
        self._whole = [*instances]

    async def run(self, seconds: float) -> None:
        """Do harm for so long."""
        end = asyncio.get_running_loop().time() + seconds
        of_instances = [self._kill, self._stop, self._freeze]
        of_redis = [self._restart_redis, self._freeze_redis, self._outage, self._outage_of_one]
        of_redis += [self._close, self._forget]
        of_networks = [self._cut, self._swallow, self._cut_off_redis, self._swallow_redis]
        kinds: Iterable[Sequence[Fault]] = (of_instances, of_instances, of_redis, of_networks)
        async with asyncio.TaskGroup() as group:
            for faults in kinds:
                group.create_task(self._again(faults, end))

    async def _again(self, faults: Sequence[Fault], end: float) -> None:
        now = asyncio.get_running_loop().time
        while (left := end - now()) > 0:
            await asyncio.sleep(min(left, self._random.expovariate(1 / self._pace)))
            fault = self._random.choice(faults)
            await fault()
            self.done[getattr(fault, "__name__", "").strip("_").replace("_", " ")] += 1

    async def _some_time(self, longest: float) -> None:
        await asyncio.sleep(self._random.random() * longest)

    def _instance(self) -> Instance | None:
        """Take one that is whole, if enough others are."""
        if len(self._whole) <= SPARED:
            return None
        return self._whole.pop(self._random.randrange(len(self._whole)))

    async def _kill(self) -> None:
        if instance := self._instance():
            await instance.kill()
            await self._some_time(3)
            await self._begin(instance)

    async def _stop(self) -> None:
        if instance := self._instance():
            await instance.terminate()
            await self._some_time(1)
            await self._begin(instance)

    async def _begin(self, instance: Instance) -> None:
        await instance.start()
        self._whole.append(instance)

    async def _freeze(self) -> None:
        if instance := self._instance():
            instance.freeze()
            await self._some_time(5)
            instance.thaw()
            self._whole.append(instance)

    async def _restart_redis(self) -> None:
        await asyncio.to_thread(self._redis.kill)
        await self._some_time(3)
        await asyncio.to_thread(self._redis.start)

    async def _freeze_redis(self) -> None:
        self._redis.freeze()
        await self._some_time(7)
        self._redis.thaw()

    async def _outage(self) -> None:
        with ExitStack() as opened:
            for proxy in self._before_redis:
                opened.enter_context(proxy.outage())
            await self._some_time(5)

    async def _outage_of_one(self) -> None:
        with self._random.choice(self._before_redis).outage():
            await self._some_time(5)

    async def _close(self) -> None:
        for kind in ("normal", "pubsub"):
            await asyncio.to_thread(self._redis.command, "CLIENT", "KILL", "TYPE", kind)

    async def _forget(self) -> None:
        await asyncio.to_thread(self._redis.command, "SCRIPT", "FLUSH")

    async def _cut(self) -> None:
        self._random.choice(self._before_instances).cut_all()

    async def _swallow(self) -> None:
        self._random.choice(self._before_instances).swallow()

    async def _cut_off_redis(self) -> None:
        self._random.choice(self._before_redis).cut_all()

    async def _swallow_redis(self) -> None:
        self._random.choice(self._before_redis).swallow()
