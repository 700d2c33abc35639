"""A store that fails as networks and servers do: out of reach, slow, deaf, and with answers that get lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from streamsvc.errors import StoreUnavailable
from streamsvc.log import Batch
from streamsvc.store.base import Announcement, Store


class FaultyStore:
    """Passes every call on to `inner`, unless the test wants otherwise.

    `reachable` cleared: every call fails. `deaf` set: nothing that is announced is heard. `calls` counts calls by their
    name, failed ones too; `sent` are the batches of all appends, in order.
    """

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.reachable = True
        self.deaf = False
        self.calls: Counter[str] = Counter()
        self.sent: list[Batch] = []
        self._failing: Counter[str] = Counter()
        self._losing: Counter[str] = Counter()
        self._held: dict[str, asyncio.Event] = {}

    @property
    def store(self) -> Store:
        """The store, for those who use it."""
        return cast(Store, self)

    def fail(self, name: str, times: int = 1) -> None:
        """Let the next calls of this name fail without having an effect."""
        self._failing[name] += times

    def lose_answers(self, name: str, times: int = 1) -> None:
        """Let the next calls of this name have their effect and fail."""
        self._losing[name] += times

    def hold(self, name: str) -> None:
        """Let calls of this name wait."""
        self._held[name] = asyncio.Event()

    def let_go(self, name: str) -> None:
        """Let those that wait go on."""
        self._held.pop(name).set()

    def watch(self, *arguments: Any) -> AbstractAsyncContextManager[AsyncIterator[Announcement]]:
        """See `Store.watch`."""
        return self._watch(self._inner.watch(*arguments))

    def watch_jobs(self, *arguments: Any) -> Any:
        """See `Store.watch_jobs`."""
        return self._inner.watch_jobs(*arguments)

    def watch_calls(self) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """See `Store.watch_calls`."""
        return self._watch(self._inner.watch_calls())

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        inner: Callable[..., Awaitable[Any]] = getattr(self._inner, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            self.calls[name] += 1
            self.sent += [argument for argument in arguments if name == "append" and isinstance(argument, Batch)]
            if held := self._held.get(name):
                await held.wait()
            self._check(name)
            answer = await inner(*arguments, **named)
            if self._losing[name] > 0:
                self._losing[name] -= 1
                raise StoreUnavailable("the answer was lost")
            return answer

        return call

    def _check(self, name: str) -> None:
        if not self.reachable:
            raise StoreUnavailable("the store cannot be reached")
        if self._failing[name] > 0:
            self._failing[name] -= 1
            raise StoreUnavailable("the store failed")

    @asynccontextmanager
    async def _watch(self, inner: AbstractAsyncContextManager[AsyncIterator[Any]]) -> AsyncIterator[AsyncIterator[Any]]:
        self.calls["watch"] += 1
        self._check("watch")
        async with inner as announcements:
            yield _Hearing(self, announcements)


class _Hearing:
    def __init__(self, store: FaultyStore, announcements: AsyncIterator[Any]) -> None:
        self._store = store
        self._announcements = announcements

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        while True:
            announcement = await anext(self._announcements)
            if self._store.reachable and not self._store.deaf:
                return announcement
