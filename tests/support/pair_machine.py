"""What a hypothesis state machine over two stores needs beside its rules: a loop, a clock, and questions to both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from tests.support.hands import Hand
from tests.support.pair import Pair, Refused, Side
from tests.support.stores import Factory, memory

T = TypeVar("T")


class PairMachine(RuleBasedStateMachine):
    """The store of `factory` beside a memory store."""

    def __init__(self, factory: Factory) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.stack = AsyncExitStack()
        subject = self.run(self.stack.enter_async_context(factory()))
        self.pair = Pair(subject, self.run(self.stack.enter_async_context(memory(subject.times))))
        self.times = subject.times
        self.hands: list[Hand] = []
        self.now = 0.0
        self.serial = 0

    def teardown(self) -> None:
        """Let go of both stores."""
        self.run(self.stack.aclose())
        self.runner.close()

    def run(self, awaitable: Awaitable[T]) -> T:
        """Wait for `awaitable`."""

        async def awaited() -> T:
            return await awaitable

        return self.runner.run(awaited())

    def ask(self, call: Callable[[Side], Awaitable[object]]) -> object:
        """Ask both stores, who must answer alike."""
        return self.run(self.pair.ask(call))

    def record(self, job_id: str) -> object:
        """Return the job as it stands, or why there is none."""
        return self.ask(lambda side: side.store.get(job_id))

    def missing(self, job_id: str) -> bool:
        """Tell whether there is no such job."""
        return isinstance(self.record(job_id), Refused)

    def history(self, job_id: str) -> list[str]:
        """Return the texts of all that the job's log ever said."""
        return self.run(self.pair.history(job_id))

    def pass_time(self, by: timedelta) -> None:
        """Let time pass for both stores and all writers."""
        self.now += by.total_seconds()
        for side in self.pair.sides:
            self.run(side.sut.advance(by))

    def hand(self, place: int, hands: Sequence[Hand] | None = None) -> Hand:
        """Return a writer, counted from the newest."""
        found = self.hands if hands is None else hands
        return found[-1 - place % len(found)]

    def number(self, count: int = 1) -> int:
        """Return the first of `count` numbers that were never used before."""
        self.serial += count
        return self.serial - count
