"""Calls that wait for something to happen, each for a name: woken one by one, or all when the instance stops."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Bells:
    """Wakes whoever listens. A bell that rang before it was waited for is heard all the same."""

    def __init__(self) -> None:
        self._bells: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def __len__(self) -> int:
        """Return for how many names somebody listens."""
        return len(self._bells)

    @contextmanager
    def listening(self, name: str) -> Iterator[asyncio.Event]:
        """Have an event be set whenever `name` is rung."""
        bell = asyncio.Event()
        self._bells[name].add(bell)
        try:
            yield bell
        finally:
            self._bells[name].discard(bell)
            if not self._bells[name]:
                del self._bells[name]

    def ring(self, name: str) -> None:
        """Wake those who listen for `name`."""
        for bell in self._bells.get(name, ()):
            bell.set()

    def ring_all(self) -> None:
        """Wake everybody."""
        for name in self._bells:
            self.ring(name)


async def heard(bell: asyncio.Event, seconds: float) -> None:
    """Wait until a bell rings, at most so long, and let it be rung again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()
    bell.clear()
