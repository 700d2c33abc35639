"""A process of a benchmark: does what it is told in lines of JSON on standard input, and answers in kind."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import uvloop

Commands = Mapping[str, Callable[..., Awaitable[Any]]]


def main(commands: Commands) -> None:
    """Obey until standard input ends."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_obey(commands))


async def _obey(commands: Commands) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        name, arguments = json.loads(line)
        print(json.dumps(await commands[name](**arguments)), flush=True)
    # Not in good order: ending 10,000 open calls one by one takes longer than the benchmark that opened them.
    os._exit(0)
