"""A writer whose process was stopped for longer than its lease finds out before it writes or asks an upstream again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from streamsvc.producers.base import UpstreamError
from streamsvc.v1 import job_pb2
from tests.support.events import answer, text
from tests.support.rig import Rig, one_rig, rigs
from tests.support.virtual_time import freeze, in_virtual_time, settle

LONG = 60.0


async def told(rig: Rig) -> job_pb2.Job:
    """Return a job that has said two words and goes on."""
    job = await rig.start()
    rig.told.say_text("two ", "words ")
    await rig.reader(job.id).until(lambda seen: answer(seen.state) == "two words ")
    return job


def writes(rig: Rig) -> int:
    """Return how often an instance has asked the store to take something from a writer."""
    return sum(rig.faults.calls[name] for name in ("append", "renew", "checkpoint", "restore", "release"))


@in_virtual_time
async def test_what_an_upstream_said_meanwhile_is_not_written_and_it_is_closed() -> None:
    async with one_rig() as rig:
        await told(rig)
        before = writes(rig)
        rig.told.say(*[text(f"{number} ") for number in range(20)])
        freeze(LONG)
        await asyncio.sleep(5)
        assert writes(rig) == before
        assert rig.told.closed == 1
        assert rig.jobs.running == 0


@in_virtual_time
async def _a_stop_in_the_middle_of_an_append() -> None:
    async with one_rig() as rig:
        await told(rig)
        rig.faults.hold("append")
        rig.told.say(text("sent "))
        await settle()
        freeze(LONG)
        rig.faults.let_go("append")
        await asyncio.sleep(5)
        assert rig.jobs.running == 0


def test_the_log_says_once_that_a_job_is_not_written_here_any_more(caplog: pytest.LogCaptureFixture) -> None:
    _a_stop_in_the_middle_of_an_append()
    assert caplog.text.count("is not written here any more") == 1


@in_virtual_time
async def test_an_append_that_was_under_way_is_the_last_one() -> None:
    async with one_rig() as rig:
        await told(rig)
        rig.faults.hold("append")
        rig.told.say(text("sent "))
        await settle()
        rig.told.say(text("not sent "))
        before = writes(rig)
        freeze(LONG)
        rig.faults.let_go("append")
        await asyncio.sleep(5)
        assert writes(rig) == before
        assert rig.told.closed == 1


@in_virtual_time
async def test_an_append_that_failed_meanwhile_is_not_repeated() -> None:
    async with one_rig() as rig:
        await told(rig)
        rig.faults.reachable = False
        rig.told.say(text("more "))
        await asyncio.sleep(5)
        rig.faults.hold("append")
        await asyncio.sleep(2)
        before = writes(rig)
        freeze(LONG)
        rig.faults.let_go("append")
        await asyncio.sleep(5)
        assert writes(rig) == before
        assert rig.told.closed == 1


@in_virtual_time
async def test_an_upstream_is_not_asked_for_a_job_that_was_opened_meanwhile() -> None:
    async with one_rig() as rig:
        rig.faults.hold("append")
        await rig.start()
        await settle()
        freeze(LONG)
        rig.faults.let_go("append")
        await asyncio.sleep(5)
        assert rig.told.begun == []


@in_virtual_time
async def test_an_upstream_that_failed_is_not_asked_again() -> None:
    async with one_rig() as rig:
        rig.told.say(UpstreamError("UPSTREAM_UNAVAILABLE", "it is out of reach", retryable=True))
        await rig.start()
        await settle()
        assert len(rig.told.begun) == 1
        freeze(LONG)
        await asyncio.sleep(5)
        assert len(rig.told.begun) == 1


@in_virtual_time
async def test_a_job_that_was_acquired_meanwhile_may_be_somebody_elses_already() -> None:
    for held in ("acquire", "get", "read"):
        async with rigs(2, outlived=True) as (writer, other):
            await told(writer)
            await writer.jobs.drain(timedelta())
            other.faults.hold(held)
            other.run()
            await asyncio.sleep(1)
            freeze(LONG)
            other.faults.let_go(held)
            await asyncio.sleep(5)
            assert writes(other) == 0
            assert other.told.begun == []
            assert other.jobs.running == 0
