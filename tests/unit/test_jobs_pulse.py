"""The longest silence of a stream."""

from __future__ import annotations

import asyncio

from streamsvc.jobs.pulse import Pulse
from tests.support.virtual_time import in_virtual_time, now, settle


def future() -> asyncio.Future[bool]:
    return asyncio.get_running_loop().create_future()


@in_virtual_time
async def test_a_silence_as_long_as_the_interval_ends_the_wait() -> None:
    began = now()
    with Pulse(15.0) as pulse:
        assert await pulse.wait(future()) is False
        assert now() == began + 15.0


@in_virtual_time
async def test_silence_is_counted_from_what_was_sent_last() -> None:
    began = now()
    with Pulse(15.0) as pulse:
        await asyncio.sleep(10)
        pulse.sent()
        assert await pulse.wait(future()) is False
        assert now() == began + 25.0


@in_virtual_time
async def test_heartbeats_come_again_and_again() -> None:
    began, beats = now(), []
    with Pulse(2.0) as pulse:
        for _ in range(5):
            assert await pulse.wait(future()) is False
            pulse.sent()
            beats.append(now() - began)
    assert beats == [2.0, 4.0, 6.0, 8.0, 10.0]


@in_virtual_time
async def test_a_change_ends_the_wait_at_once() -> None:
    with Pulse(15.0) as pulse:
        change = future()
        waiting = asyncio.create_task(pulse.wait(change))
        await settle()
        change.set_result(True)
        assert await waiting is True


@in_virtual_time
async def test_it_tells_whether_a_heartbeat_is_due_between_waits() -> None:
    with Pulse(2.0) as pulse:
        assert not pulse.due()
        await asyncio.sleep(2.0)
        assert pulse.due()
        pulse.sent()
        assert not pulse.due()


@in_virtual_time
async def test_a_wait_that_begins_after_a_long_silence_ends_within_one_interval() -> None:
    with Pulse(2.0) as pulse:
        await asyncio.sleep(7.0)
        began = now()
        assert await pulse.wait(future()) is False
        assert now() - began <= 2.0


@in_virtual_time
async def test_nothing_is_left_behind() -> None:
    with Pulse(2.0) as pulse:
        change = future()
        waiting = asyncio.create_task(pulse.wait(change))
        await settle()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(10)
    assert change.cancelled()
