"""How every command calls the service: with one client, an error as one sentence, and an exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

import typer

from streamsvc.cli.errors import EXIT_CALL_FAILED, EXIT_INTERRUPTED, EXIT_NOT_UNDERSTOOD, Mistake, sentence
from streamsvc.cli.terminal import say
from streamsvc.client import Client, ClientOptions
from streamsvc.errors import StreamsvcError

CALL_TIMEOUT = timedelta(seconds=5)


def with_client(target: str, work: Callable[[Client], Awaitable[int]]) -> None:
    """Run `work`, show its error as one sentence, and exit as it says."""

    async def call() -> int:
        async with Client(*targets_of(target), options=ClientOptions(call_timeout=CALL_TIMEOUT)) as client:
            try:
                return await work(client)
            except StreamsvcError as error:
                say(sentence(error, target))
                return EXIT_CALL_FAILED

    run(call())


def run(work: Coroutine[Any, Any, int]) -> None:
    """Run `work` and exit as it says. Ctrl-C ends it wherever it is."""
    try:
        code = asyncio.run(work)
    except Mistake as mistake:
        say(str(mistake))
        code = EXIT_NOT_UNDERSTOOD
    except KeyboardInterrupt:
        if sys.stderr.isatty():  # it has written ^C
            typer.echo(err=True)
        say("interrupted")
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)


async def reach(client: Client) -> None:
    """Raise Unreachable soon if no service answers: a stream alone would wait for minutes, as it should later on."""
    async for _ in client.jobs():
        break


def targets_of(target: str) -> list[str]:
    """Return the addresses in `--target`. Raises Mistake if there is none."""
    targets = [found.strip() for found in target.split(",") if found.strip()]
    if not targets:
        raise Mistake("--target is empty: write HOST:PORT, or leave it out")
    return targets
