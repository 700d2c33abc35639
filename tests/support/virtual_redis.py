"""A real Redis under virtual time: it grows as old as the loop, and the loop waits for its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

from tests.support.redis_under_test import RedisUnderTest
from tests.support.virtual_time import answers_awaited, now


class VirtualRedis:
    """A Redis store for all instances of a rig. Before each call the Redis is made as old as the loop is."""

    def __init__(self, sut: RedisUnderTest) -> None:
        self._sut = sut
        self._at = now()

    async def lose(self, job_id: str, to_offset: int, fence: int) -> None:
        """See `StoreUnderTest.lose`."""
        with answers_awaited():
            await self._grow_old()
            await self._sut.lose(job_id, to_offset, fence)

    def open_watches(self) -> int:
        """See `StoreUnderTest.open_watches`."""
        return self._sut.open_watches()

    def watch(self, job_id: str) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """See `Store.watch`."""
        return self._entered(self._sut.store.watch(job_id))

    def watch_jobs(self, scope: Any) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """See `Store.watch_jobs`."""
        return self._entered(self._sut.store.watch_jobs(scope))

    def watch_calls(self) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """See `Store.watch_calls`."""
        return self._entered(self._sut.store.watch_calls())

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        inner: Callable[..., Awaitable[Any]] = getattr(self._sut.store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            with answers_awaited():
                await self._grow_old()
                return await inner(*arguments, **named)

        return call

    async def _grow_old(self) -> None:
        by_ms = int((now() - self._at) * 1000)
        if by_ms:
            self._at += by_ms / 1000
            await self._sut.advance(timedelta(milliseconds=by_ms))

    @asynccontextmanager
    async def _entered(self, inner: AbstractAsyncContextManager[AsyncIterator[Any]]) -> AsyncIterator[Any]:
        with answers_awaited():
            messages = await inner.__aenter__()
        try:
            yield messages
        finally:
            with answers_awaited():
                await inner.__aexit__(None, None, None)
