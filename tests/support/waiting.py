"""Waiting for what only shows in a value: bounded, and never for a fixed time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LIMIT = 10.0


async def eventually(condition: Callable[[], object], limit: float = LIMIT) -> None:
    """Wait until `condition` holds. Fails after `limit` seconds."""
    try:
        async with asyncio.timeout(limit):
            while not condition():  # noqa: ASYNC110 # nobody tells of it
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {limit:g} s: {condition!r}") from None
