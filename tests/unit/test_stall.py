"""The end for a reader that leaves a message untaken."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.server.stall import Stall
from tests.support.virtual_time import in_virtual_time, now


@in_virtual_time
async def test_a_write_that_lasts_too_long_is_ended_when_its_time_is_out() -> None:
    began = now()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as timeout:
            with Stall(60.0, timeout) as stall:
                await asyncio.sleep(50.0)
                stall.writing()
                await asyncio.Event().wait()
    assert now() == began + 110.0


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
async def test_nothing_is_left_behind_by_a_call_that_ended() -> None:
    async with asyncio.timeout(None) as timeout:
        with Stall(60.0, timeout) as stall:
            stall.writing()
    await asyncio.sleep(120.0)
    assert not timeout.expired()
