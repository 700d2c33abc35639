"""The end for a reader that leaves a message untaken."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.server.stall import Stall
from tests.support.virtual_time import in_virtual_time, now


async def write_for(seconds: float, *, after: float = 0.0) -> None:
    """Have one write that lasts `seconds`, in a call that may stall for 60 s."""
    async with asyncio.timeout(None) as timeout:
        with Stall(60.0, timeout) as stall:
            await asyncio.sleep(after)
            stall.writing()
            await asyncio.sleep(seconds)
            stall.written()


@in_virtual_time
async def test_a_write_that_lasts_too_long_is_ended_when_its_time_is_out() -> None:
    began = now()
    with pytest.raises(TimeoutError):
        await write_for(1000.0, after=50.0)
    assert now() == began + 110.0


@in_virtual_time
async def test_a_write_may_last_nearly_as_long_wherever_the_timer_stands() -> None:
    for after in (0.0, 1.0, 59.0, 61.0):
        await write_for(59.5, after=after)


@in_virtual_time
async def test_the_time_between_messages_does_not_count() -> None:
    async with asyncio.timeout(None) as timeout:
        with Stall(60.0, timeout) as stall:
            for _ in range(5):
                stall.writing()
                await asyncio.sleep(59.0)
                stall.written()
                await asyncio.sleep(600.0)


@in_virtual_time
async def test_nothing_is_watched_any_more_once_the_call_has_ended() -> None:
    async with asyncio.timeout(None) as timeout:
        with Stall(60.0, timeout) as stall:
            stall.writing()
        await asyncio.sleep(120.0)
