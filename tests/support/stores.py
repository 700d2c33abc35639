"""The stores that the contract is tested on: one factory each, all with the same handles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Any, Protocol

from streamsvc.store.base import Store
from streamsvc.store.redis.uri import RedisServers
from tests.support import redis_servers
from tests.support.lossy_memory import LossyMemoryStore
from tests.support.redis_under_test import RedisUnderTest
from tests.support.times import LONG, Times


class StoreUnderTest(Protocol):
    """A store, and what tests need of it that is not its users' business."""

    @property
    def store(self) -> Store:
        """The store."""
        ...

    @property
    def times(self) -> Times:
        """How long leases, retentions, running jobs and tombstones last in it."""
        ...

    async def advance(self, by: timedelta) -> None:
        """Let the store's time pass."""
        ...

    async def lose(self, job_id: str, to_offset: int, fence: int) -> None:
        """Throw a job back to its newest state with at most this last offset and fence, tombstones included.

        Without such a state the job vanishes.
        """
        ...

    async def private(self, job_id: str) -> tuple[bytes, bytes]:
        """Return the request and the notes that the store keeps of a job."""
        ...

    async def leftovers(self) -> int:
        """Return how many entries of any kind the store keeps; 0 in a new one."""
        ...

    def open_watches(self) -> int:
        """Return how many watches the store serves just now."""
        ...


class MemoryUnderTest:
    """The memory store, with a clock that the test moves."""

    def __init__(self, times: Times) -> None:
        self.times = times
        self.now = 0.0
        epochs = count(1)
        self.store = LossyMemoryStore(
            clock=lambda: self.now,
            new_epoch=lambda: f"epoch-{next(epochs)}",
            safety_time=times.safety,
            tombstone_time=times.tombstone,
        )

    async def advance(self, by: timedelta) -> None:
        """Move the clock."""
        self.now += by.total_seconds()

    async def lose(self, job_id: str, to_offset: int, fence: int) -> None:
        """See `LossyMemoryStore.lose`."""
        await self.store.lose(job_id, to_offset, fence)

    async def private(self, job_id: str) -> tuple[bytes, bytes]:
        """See `LossyMemoryStore.private`."""
        return self.store.private(job_id)

    async def leftovers(self) -> int:
        """See `LossyMemoryStore.leftovers`."""
        return self.store.leftovers()

    def open_watches(self) -> int:
        """See `LossyMemoryStore.open_watches`."""
        return self.store.open_watches()


@asynccontextmanager
async def memory(times: Times | None = None) -> AsyncIterator[StoreUnderTest]:
    """Open a new memory store."""
    yield MemoryUnderTest(times or Times())


@asynccontextmanager
async def on_redis() -> AsyncIterator[StoreUnderTest]:
    """Open a Redis store over a single server."""
    server = redis_servers.shared()
    async with server.client() as client, redis_under_test(server.servers, client, [client]) as sut:
        yield sut


@asynccontextmanager
async def on_redis_cluster() -> AsyncIterator[StoreUnderTest]:
    """Open a Redis store over a cluster."""
    cluster = redis_servers.shared_cluster()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(cluster.client())
        nodes = [await stack.enter_async_context(node.client()) for node in cluster.nodes]
        yield await stack.enter_async_context(redis_under_test(cluster.servers, client, nodes))


@asynccontextmanager
async def redis_under_test(where: RedisServers, client: Any, nodes: Sequence[Any]) -> AsyncIterator[StoreUnderTest]:
    """Open a Redis store; afterwards the Redis is empty."""
    sut = RedisUnderTest(where, client, nodes, LONG)
    try:
        yield sut
    finally:
        await sut.close()


Factory = Callable[[], AbstractAsyncContextManager[StoreUnderTest]]

FACTORIES: Mapping[str, Factory] = {"memory": memory, "redis": on_redis, "redis_cluster": on_redis_cluster}
"""Every store that there is, by name."""
