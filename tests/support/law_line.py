"""An instance's way to the store: requests and answers, and what is announced, each of them late, lost or doubled."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from google.protobuf.message import Message

from streamsvc.errors import OffsetMismatch, StoreUnavailable
from streamsvc.store.base import Announcement, Copy, Lease, LogLost, WriterCall
from tests.support.law_ledger import LawBroken
from tests.support.law_store import Outcome, SharedStore
from tests.support.law_time import SharedLoop, Time

LATENCY = 0.05
"""The longest that a message takes, in seconds, that nothing holds up."""

ANY = ""
"""Stands for calls of every name."""

Word = Announcement | WriterCall


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a call. A request takes effect as often as it arrives; its caller hears the first answer.

    `requests`: how many seconds later than others each copy of it arrives, none if it is lost. `answer`: how much later
    its answer does, None if that is lost.
    """

    requests: tuple[float, ...] = (0.0,)
    answer: float | None = 0.0


WELL = Fate()


class Line:
    """A store, for one instance. Calls take effect in `shared`; one that is not answered in `timeout` seconds fails.

    `refused`: every call fails at once. `silent`: no request arrives, and nothing is heard. `dead`: nothing leaves it.
    `wrote_at` is when a writer of this instance last asked for something.
    """

    def __init__(self, time: Time, loop: SharedLoop, shared: SharedStore, random: Random, timeout: float) -> None:
        self._time, self._loop, self._shared = time, loop, shared
        self._random = random
        self._timeout = timeout
        self._fates: defaultdict[str, deque[Fate]] = defaultdict(deque)
        self._late_words: deque[tuple[float, ...]] = deque()
        self._listening: dict[type[Word], set[asyncio.Queue[Any]]] = {Announcement: set(), WriterCall: set()}
        self.refused = self.silent = self.dead = False
        self.wrote_at = 0.0
        self._written: set[str] = set()  # epochs
        self._over: set[str] = set()  # epochs whose writers were stopped for a whole lease

    def disturb(self, name: str, fates: Iterable[Fate]) -> None:
        """Say what becomes of the next calls of this name, or of any name."""
        self._fates[name].extend(fates)

    def mishear(self, delays: Iterable[tuple[float, ...]]) -> None:
        """Say how much later the next words are heard, each as often as there are delays for it."""
        self._late_words.extend(delays)

    def reach(self) -> None:
        """Let the store be in reach."""
        self.refused = self.silent = False

    def heal(self) -> None:
        """Let everything go well from now on. What is under way already stays so."""
        self.reach()
        self._fates.clear()
        self._late_words.clear()

    def stopped_for_a_lease(self) -> None:
        """The leases that writers here have are over by their own clocks, as of now."""
        self._over |= self._written

    def hear(self, word: Word) -> None:
        """Something was announced."""
        for delay in self._late_words.popleft() if self._late_words else (0.0,):
            if not (self.silent or self.refused):
                self._time.at(self._latency() + delay, lambda: self._listen(word))

    def watch(self, job_id: str) -> AbstractAsyncContextManager[AsyncIterator[Announcement]]:
        """See `Store.watch`."""
        return self._watch(Announcement)

    def watch_calls(self) -> AbstractAsyncContextManager[AsyncIterator[WriterCall]]:
        """See `Store.watch_calls`."""
        return self._watch(WriterCall)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **named: Any) -> Any:
            return await self._call(name, tuple(map(_sent, arguments)), named)

        return call

    async def _call(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        self._look_at_writer(name, arguments)
        fates = self._fates[name] or self._fates[ANY]
        fate = fates.popleft() if fates else WELL
        if self.dead or self.refused:
            raise StoreUnavailable("the store cannot be reached")
        answered: asyncio.Future[Any] = self._loop.create_future()

        def arrive() -> None:
            if not self.silent:
                outcome = self._shared.call(name, arguments, named)
                if fate.answer is not None:
                    self._time.at(self._latency() + fate.answer, lambda: self._hand(_settle, answered, outcome))

        for delay in fate.requests:
            self._time.at(self._latency() + delay, arrive)
        giving_up = self._loop.call_later(
            self._timeout, _settle, answered, Outcome(error=StoreUnavailable("no answer"))
        )
        try:
            return await answered
        except (LogLost, OffsetMismatch) as error:
            if not self._shared.has_lost:
                self._blame(f"B: {name} meets {type(error).__name__}, and nothing was ever lost")
            raise
        finally:
            giving_up.cancel()

    def _look_at_writer(self, name: str, arguments: Sequence[Any]) -> None:
        if arguments and isinstance(lease := arguments[0], Lease):
            self.wrote_at = self._time.now
            self._written.add(lease.epoch)
            if lease.epoch in self._over:
                self._blame(f"D: {name} is asked by a writer that was stopped for a whole lease")

    def _blame(self, what: str) -> None:
        # Not raised: whoever asks would take it for a store that fails.
        self._time.failures.append(LawBroken(what))

    def _latency(self) -> float:
        return self._random.random() * LATENCY

    def _listen(self, word: Word) -> None:
        for queue in self._listening[type(word)]:
            self._hand(queue.put_nowait, word)

    def _hand(self, callback: Callable[..., object], *arguments: Any) -> None:
        if not self.dead:
            self._loop.hand(callback, *arguments)

    @asynccontextmanager
    async def _watch(self, kind: type[Word]) -> AsyncIterator[AsyncIterator[Any]]:
        await self._call("hello", (), {})
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self._listening[kind].add(queue)
        try:
            yield _Words(queue)
        finally:
            self._listening[kind].discard(queue)


class _Words:
    """Not a generator: waiting for the next one with a time limit must not end it."""

    def __init__(self, queue: asyncio.Queue[Any]) -> None:
        self._queue = queue

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await self._queue.get()


def _sent(argument: Any) -> Any:
    """Return what goes on its way: bytes do not change any more when their sender goes on."""
    return deepcopy(argument) if isinstance(argument, Message | Copy) else argument


def _settle(answered: asyncio.Future[Any], outcome: Outcome) -> None:
    if answered.done():
        return
    if outcome.error is not None:
        answered.set_exception(outcome.error)
    else:
        answered.set_result(outcome.value)
