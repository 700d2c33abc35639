"""Ctrl-C and SIGTERM as something to wait for: they end a command in good order, wherever it is."""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Hears the signals while it is entered.

    An exception would come at any place, in the middle of a frame or of a message; a signal that is waited for comes
    between two steps. What the parent process has told us to ignore (`nohup`, a job in the background of a script)
    stays ignored.
    """

    def __init__(self) -> None:
        self._heard: asyncio.Queue[signal.Signals] = asyncio.Queue()
        self._installed: list[signal.Signals] = []

    def __enter__(self) -> Interrupts:
        loop = asyncio.get_running_loop()
        for name in _SIGNALS:
            if signal.getsignal(name) is not signal.SIG_IGN:
                loop.add_signal_handler(name, self._heard.put_nowait, name)
                self._installed.append(name)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        loop = asyncio.get_running_loop()
        for name in self._installed:
            loop.remove_signal_handler(name)

    async def next(self) -> signal.Signals:
        """Wait for the next signal."""
        return await self._heard.get()

    async def within(self, seconds: float) -> bool:
        """Wait for another signal, at most so long. Returns whether one came."""
        try:
            async with asyncio.timeout(seconds):
                await self.next()
        except TimeoutError:
            return False
        return True
