"""Streams that are sent away when the instance stops."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

import pytest

from streamsvc.errors import ServerDraining
from streamsvc.server.departures import Departures
from tests.support.virtual_time import in_virtual_time, now, settle

GRACE = timedelta(seconds=2)


def departures() -> Departures:
    return Departures(Random(1).random)


async def streaming(departures: Departures, *, until: float | None = None) -> float:
    """Have a stream that ends by itself then, or goes on for ever. Returns when it was sent away."""
    try:
        async with asyncio.timeout(None) as timeout:
            with departures.expected(timeout):
                await asyncio.sleep(until - now() if until is not None else 1e6)
    except TimeoutError:
        return now()
    return 0.0


@in_virtual_time
async def test_each_stream_is_sent_away_at_a_moment_of_its_own_in_the_second_half_of_the_grace() -> None:
    leaving, began = departures(), now()
    streams = [asyncio.create_task(streaming(leaving)) for _ in range(100)]
    await settle()
    await leaving.run(GRACE)
    moments = sorted(stream.result() - began for stream in streams)
    assert 1.0 <= moments[0] < 1.1
    assert 1.9 < moments[-1] <= 2.0
    assert len(set(moments)) == 100
    assert now() - began == moments[-1]


@in_virtual_time
async def test_nobody_is_waited_for_where_nobody_streams() -> None:
    began = now()
    await departures().run(GRACE)
    assert now() == began


@in_virtual_time
async def test_streams_that_end_by_themselves_are_not_waited_for_any_longer() -> None:
    leaving, began = departures(), now()
    streams = [asyncio.create_task(streaming(leaving, until=began + 0.5)) for _ in range(3)]
    await settle()
    await leaving.run(GRACE)
    assert now() - began == 0.5
    assert [stream.result() for stream in streams] == [0.0] * 3


@in_virtual_time
async def test_a_stream_that_comes_too_late_is_refused_at_once_for_longer_than_those_are_that_are_sent_away() -> None:
    leaving = departures()
    await leaving.run(GRACE)
    began = now()
    with pytest.raises(ServerDraining) as refused:
        await streaming(leaving)
    assert now() == began
    assert refused.value.retry_after is not None
    sent_away = leaving.why().retry_after
    assert sent_away is not None
    assert sent_away < refused.value.retry_after


@in_virtual_time
async def test_a_stream_that_does_not_end_when_it_is_told_to_does_not_hold_up_the_stop() -> None:
    leaving, began = departures(), now()

    async def stubborn() -> None:
        async with asyncio.timeout(None) as timeout:
            with leaving.expected(timeout):
                try:
                    await asyncio.sleep(1e6)
                finally:
                    await asyncio.sleep(60)

    stream = asyncio.create_task(stubborn())
    await settle()
    await leaving.run(GRACE)
    assert now() - began == 4.0
    with pytest.raises(TimeoutError):
        await stream
