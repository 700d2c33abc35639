"""Virtual time that the event loops of several instances share: each can be frozen or killed while the others go on."""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")

NEVER = float("inf")
ROUNDS = 100
"""How often the tasks of a dead instance are told to end."""


class Time:
    """What is due happens in order, and the time jumps from one thing to the next.

    `now` is in seconds. The first thing that goes wrong is raised by `run`, and again by each `run` after that.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.loops: list[SharedLoop] = []
        self.failures: list[BaseException] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, delay: float, act: Callable[[], None]) -> None:
        """Have something happen, outside of all loops, after `delay` seconds."""
        heapq.heappush(self._due, (self.now + delay, next(self._numbers), act))

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.now + seconds
        while not self.failures and (due := self._next()) <= end:
            self.now = max(self.now, due)
            try:
                self._go_on()
            except Exception as failure:
                self.failures.append(failure)
        if self.failures:
            raise self.failures[0]
        self.now = end

    def _go_on(self) -> None:
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()
        for loop in [*self.loops]:
            if loop.wakes_at <= self.now:
                loop.go_on()

    def _next(self) -> float:
        timers = [loop.wakes_at for loop in self.loops]
        return min([*timers, self._due[0][0] if self._due else NEVER], default=NEVER)


class SharedLoop(asyncio.SelectorEventLoop):
    """The event loop of one instance. It runs until all its tasks wait, whenever there is something for it to do.

    While it is frozen nothing of it runs, as in a process that is stopped: its timers fire late, and what was sent
    to it lies waiting.
    """

    def __init__(self, time: Time) -> None:
        self._parked = _Parked(time, self)
        super().__init__(self._parked)
        self._shared_time = time
        self.frozen_until = 0.0
        self.set_exception_handler(self._failed)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._shared_time.now

    @property
    def wakes_at(self) -> float:
        """When there is something to do next."""
        return max(self._parked.wakes_at, self.frozen_until)

    def stir(self) -> None:
        """Let it run as soon as it can: something was sent to it."""
        self._parked.wakes_at = 0.0

    def hand(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Have something called inside the loop."""
        self.call_soon(callback, *arguments)
        self.stir()

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a task."""
        task = self.create_task(work)
        self.stir()
        return task

    def go_on(self) -> None:
        """Run until all tasks wait for a time, or for something that comes from outside."""
        self.run_forever()

    def bury(self) -> None:
        """End all tasks and close the loop. Whoever buries it has seen to it that nothing of this is heard outside."""
        for _ in range(ROUNDS):
            if not (tasks := asyncio.all_tasks(self)):
                break
            for task in tasks:
                task.cancel()
            self.go_on()
        self.run_until_complete(self.shutdown_asyncgens())
        self.close()

    def _failed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failure = context.get("exception") or AssertionError(context["message"])
        self._shared_time.failures.append(failure)


class _Parked(selectors.SelectSelector):
    """Takes note of the next timer, and stops its loop when there is nothing else to do."""

    def __init__(self, time: Time, loop: SharedLoop) -> None:
        super().__init__()
        self._time = time
        self._loop = loop
        self.wakes_at = NEVER

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout != 0:
            self.wakes_at = NEVER if timeout is None else self._time.now + timeout
            self._loop.stop()
        return []
