"""Lines that are typed in a terminal, waited for together with Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sys

from streamsvc.cli.interrupts import Interrupts

_LONGEST = 65536


async def typed(prompt: str) -> str:
    """Write a prompt, and return the line that is typed. Raises EOFError at its end, and KeyboardInterrupt on Ctrl-C.

    Not `input`: a Ctrl-C between its prompt and its reading would be heard with the next line only.
    """
    loop, keyboard = asyncio.get_running_loop(), sys.stdin.fileno()
    there = asyncio.Event()
    with Interrupts() as interrupts:
        loop.add_reader(keyboard, there.set)
        sys.stdout.write(prompt)
        sys.stdout.flush()
        waiting = [asyncio.ensure_future(there.wait()), asyncio.ensure_future(interrupts.next())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(keyboard)
            for future in waiting:
                future.cancel()
    if not there.is_set():
        raise KeyboardInterrupt
    line = os.read(keyboard, _LONGEST)  # of a terminal it is one line
    if not line:
        raise EOFError
    return line.decode(errors="replace")
