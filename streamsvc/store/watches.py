"""Watches inside one process: who wants to hear of what, through queues that never grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_QUEUE = 64


class Watches(Generic[K, V]):
    """Queues by key. A watcher that does not keep up misses what is told: a watch is a hint, never the truth."""

    def __init__(self) -> None:
        self._queues: dict[K, set[asyncio.Queue[V]]] = {}

    def __len__(self) -> int:
        """Return how many watches are open."""
        return sum(len(queues) for queues in self._queues.values())

    @asynccontextmanager
    async def watch(self, key: K) -> AsyncIterator[AsyncIterator[V]]:
        """Hear what is told to `key` from here on."""
        queue: asyncio.Queue[V] = asyncio.Queue(_QUEUE)
        self._queues.setdefault(key, set()).add(queue)
        try:
            yield _Items(queue)
        finally:
            queues = self._queues[key]
            queues.discard(queue)
            if not queues:
                del self._queues[key]

    def tell(self, key: K, value: V) -> None:
        """Tell all watchers of `key`."""
        for queue in self._queues.get(key, ()):
            _put(queue, value)

    def tell_where(self, wanted: Callable[[K], bool], value: V) -> None:
        """Tell all watchers whose key is `wanted`."""
        for key in [key for key in self._queues if wanted(key)]:
            self.tell(key, value)


def _put(queue: asyncio.Queue[V], value: V) -> None:
    if not queue.full():
        queue.put_nowait(value)


class _Items(Generic[V]):
    """Not a generator: waiting for the next one with a time limit must not end it."""

    def __init__(self, queue: asyncio.Queue[V]) -> None:
        self._queue = queue

    def __aiter__(self) -> AsyncIterator[V]:
        return self

    async def __anext__(self) -> V:
        return await self._queue.get()
