"""Time that passes only when nothing else is left to do: a test of hours takes milliseconds, and never flakes."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, ParamSpec

from streamsvc.jobs.chance import Chance

P = ParamSpec("P")

LONGEST = 7200.0
"""How many seconds may pass in one test: a wait that lasts longer would last for ever."""


class Stuck(Exception):
    """Every task waits for something that will never happen."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing is ready. It has no use for the network."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._jumping.now

    def freeze(self, seconds: float) -> None:
        """Let time pass in which nothing runs, as when the process is stopped and goes on later."""
        self._jumping.now += seconds


class _Jumping(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self._end = self.now + LONGEST

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise Stuck("every task waits for something that will never happen")
        if not ready and timeout is not None:
            self.now += max(0.0, timeout)
        if self.now > self._end:
            self._end += LONGEST  # for those who tidy up
            raise Stuck(f"the test did not end in {LONGEST:g} s of virtual time")
        return ready


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in a loop of its own, whose time is virtual."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def now() -> float:
    """Return the time of the running loop."""
    return asyncio.get_running_loop().time()


def freeze(seconds: float) -> None:
    """Stop the whole process of the test for so long."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.freeze(seconds)


def chance(seed: int = 0) -> Chance:
    """Return a clock that is the running loop's, and chance that is the same in every run."""
    drawn = Random(seed)
    return Chance(now, lambda: 1_790_000_000_000 + int(now() * 1000), drawn.random, drawn.randbytes)


async def settle() -> None:
    """Let every task go on until it waits for a time or for something that only the test can do."""
    for _ in range(50):
        await asyncio.sleep(0)
