"""A store that stays out of reach for longer than `store_outage_limit`: jobs and readers end, and say why."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta

import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.principal import ANONYMOUS
from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import answer, kinds, text
from tests.support.producers import STOP
from tests.support.rig import Rig, one_rig, rigs
from tests.support.virtual_time import in_virtual_time, now

LIMIT = timedelta(seconds=60)
HEARTBEAT = timedelta(seconds=5)
LATEST = 60 + 5 + 5
"""The limit, a heartbeat for the reader to wake up, and what a call to the store may take until it is given up."""


async def told(rig: Rig) -> job_pb2.Job:
    """Return a job that has said two words and goes on."""
    job = await rig.start()
    rig.told.say_text("two ", "words ")
    await rig.reader(job.id).until(lambda seen: answer(seen.state) == "two words ")
    return job


@pytest.mark.parametrize("speaking", [False, True])
def test_the_job_and_its_readers_end_at_the_limit_wherever_they_are(speaking: bool) -> None:
    @in_virtual_time
    async def run() -> None:
        async with rigs(2, store_outage_limit=LIMIT, heartbeat_interval=HEARTBEAT) as (writer, other):
            job = await told(writer)
            readers = [rig.reader(job.id) for rig in (writer, other)]
            for reader in readers:
                await reader.until(lambda seen: answer(seen.state) == "two words ")
            began = now()
            writer.faults.reachable = other.faults.reachable = False
            if speaking:
                writer.told.say(text("more "))
            for reader in readers:
                with pytest.raises(StoreUnavailable):
                    await reader.done()
                assert 59 <= now() - began <= LATEST
            await asyncio.sleep(LATEST - (now() - began))
            assert writer.told.closed == 1
            assert writer.jobs.running == 0

    run()


@in_virtual_time
async def test_outages_within_the_limit_do_not_add_up() -> None:
    async with one_rig(store_outage_limit=LIMIT, heartbeat_interval=HEARTBEAT) as rig:
        job = await told(rig)
        reader = rig.reader(job.id)
        for _ in range(5):
            rig.faults.reachable = False
            rig.told.say(text("more "))
            await asyncio.sleep(50)
            rig.faults.reachable = True
            await asyncio.sleep(5)
        rig.told.say(STOP)
        assert answer((await reader.done()).state) == "two words " + "more " * 5


@in_virtual_time
async def test_those_who_watch_jobs_are_told_too() -> None:
    async with (
        one_rig(store_outage_limit=LIMIT, heartbeat_interval=HEARTBEAT) as rig,
        aclosing(rig.jobs.watch(ANONYMOUS, pb.WatchJobsRequest())) as messages,
    ):
        await anext(messages)
        rig.faults.reachable = False
        await asyncio.sleep(50)
        rig.faults.reachable = True
        await anext(messages)
        began, rig.faults.reachable = now(), False
        with pytest.raises(StoreUnavailable):
            async for _ in messages:
                pass
        assert 60 <= now() - began <= LATEST


@in_virtual_time
async def test_a_job_that_was_given_up_goes_on_when_the_store_is_back() -> None:
    async with rigs(2, store_outage_limit=LIMIT) as (writer, other):
        other.run()
        job = await told(writer)
        writer.faults.reachable = other.faults.reachable = False
        await asyncio.sleep(120)
        writer.faults.reachable = other.faults.reachable = True
        other.told.say(text("more"), STOP)
        seen = await other.read(job.id)
        assert answer(seen.state) == "two words more"
        assert kinds(seen.events).count("job_resumed") == 1
