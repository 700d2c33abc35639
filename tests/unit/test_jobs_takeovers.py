"""A job whose writer is lost, frozen or cut off: another goes on, and nothing of the old one appears."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import FINAL, answer, kinds, scripted, text, text_of
from tests.support.producers import STOP
from tests.support.rig import Rig, one_rig, rigs
from tests.support.virtual_time import freeze, in_virtual_time, now, settle


def calm(opened: Sequence[Rig]) -> None:
    for rig in opened:
        rig.run()


async def told(rig: Rig, **fields: Any) -> job_pb2.Job:
    """Return a job that has said two words and goes on."""
    job = await rig.start(**fields)
    rig.told.say_text("two ", "words ")
    await rig.reader(job.id).until(lambda seen: answer(seen.state) == "two words ")
    return job


@in_virtual_time
async def test_a_scripted_job_goes_on_elsewhere_and_readers_see_one_exact_answer() -> None:
    async with rigs(2) as (writer, other):
        calm([writer, other])
        await asyncio.sleep(20)
        request = scripted(tokens=600, rate=20, pattern="count", rich=True)
        job = await writer.start(request)
        readers = [rig.reader(job.id) for rig in (writer, other, other)]
        await asyncio.sleep(5)
        writer.faults.reachable = False
        await readers[1].until(lambda seen: "job_resumed" in kinds(seen.events))
        await asyncio.sleep(2)
        late = other.reader(job.id)
        writer.faults.reachable = True
        seen = [await reader.done() for reader in (*readers, late)]
        whole = "".join(f"{number} " for number in range(600))
        assert [answer(reader.state) for reader in seen] == [whole] * 4
        assert all(reader.events == seen[0].events for reader in seen)
        assert all(not reader.snapshots for reader in seen)
        (resumed,) = [event.job_resumed for event in seen[0].events if event.HasField("job_resumed")]
        assert (resumed.attempt, resumed.reason, resumed.restarted) == (2, "LEASE_EXPIRED", False)


@in_virtual_time
async def test_a_takeover_comes_within_the_lease_and_the_reapers_interval() -> None:
    async with rigs(2) as (writer, other):
        other.run()
        await asyncio.sleep(20)
        job = await told(writer)
        writer.faults.reachable = False
        began = now()
        await other.reader(job.id).until(lambda seen: "job_resumed" in kinds(seen.events))
        assert now() - began <= 10 + 2 + 0.1


@in_virtual_time
async def test_a_writer_that_was_cut_off_stops_and_says_nothing_more() -> None:
    async with rigs(2) as (writer, other):
        other.run()
        await asyncio.sleep(20)
        job = await told(writer)
        writer.faults.reachable = False
        writer.told.say(text("too late "))
        await other.reader(job.id).until(lambda seen: "job_resumed" in kinds(seen.events))
        writer.faults.reachable = True
        await asyncio.sleep(2)
        assert writer.told.closed == 1
        other.told.say(text("from the other", part=0), STOP)
        assert answer((await other.read(job.id)).state) == "two words from the other"
        assert other.told.begun[0] is not None
        assert answer(other.told.begun[0]) == "two words "


@in_virtual_time
async def test_a_process_that_was_stopped_for_longer_than_its_lease_gives_its_jobs_up_and_takes_them_again() -> None:
    async with one_rig() as rig:
        rig.run()
        job = await rig.start(scripted(tokens=200, rate=20, pattern="count"))
        reader = rig.reader(job.id)
        await asyncio.sleep(3)
        freeze(60)
        seen = await reader.done()
        assert text_of(seen.events) == "".join(f"{number} " for number in range(200))
        assert [kind for kind in kinds(seen.events) if kind in FINAL] == ["job_completed"]


@in_virtual_time
async def test_a_process_that_was_stopped_for_a_moment_goes_on() -> None:
    async with one_rig() as rig:
        rig.run()
        job = await told(rig)
        freeze(6)
        rig.told.say(text("more"), STOP)
        events = await rig.events(job.id)
        assert "job_resumed" not in kinds(events)
        assert text_of(events) == "two words more"


@in_virtual_time
async def test_a_silent_producer_does_not_cost_its_job_the_lease() -> None:
    async with rigs(2) as opened:
        calm(opened)
        job = await told(opened[0])
        await asyncio.sleep(3600)
        opened[0].told.say(text("at last"), STOP)
        assert "job_resumed" not in kinds(await opened[1].events(job.id))


@in_virtual_time
async def test_fail_ends_a_lost_job_and_keeps_what_was_said() -> None:
    async with rigs(2) as (writer, other):
        other.run()
        await asyncio.sleep(20)
        job = await told(writer, recovery=pb.RECOVERY_POLICY_FAIL)
        writer.faults.reachable = False
        seen = await other.read(job.id)
        assert seen.events[-1].job_failed.error.reason == "PRODUCER_LOST"
        assert answer(seen.state) == "two words "
        assert other.told.begun == []


@in_virtual_time
async def test_restart_begins_the_answer_anew() -> None:
    async with rigs(2) as (writer, other):
        other.run()
        await asyncio.sleep(20)
        job = await told(writer, recovery=pb.RECOVERY_POLICY_RESTART)
        writer.faults.reachable = False
        other.told.say_text("another answer")
        other.told.say(STOP)
        seen = await other.read(job.id)
        assert answer(seen.state) == "another answer"
        assert other.told.begun == [None]
        assert [event.job_resumed.restarted for event in seen.events if event.HasField("job_resumed")] == [True]


@in_virtual_time
async def test_a_job_that_kills_its_instances_does_not_go_round_for_ever() -> None:
    async with rigs(5) as opened:
        for rig in opened[1:4]:
            rig.run()
        await asyncio.sleep(20)
        job = await told(opened[0])
        reader = opened[4].reader(job.id)
        while not reader.task.done():
            for rig in opened[:4]:
                rig.faults.reachable = not rig.told.begun
            await asyncio.sleep(0.5)
        seen = await reader.done()
        assert seen.events[-1].job_failed.error.reason == "PRODUCER_LOST"
        assert kinds(seen.events).count("job_resumed") == 2
        assert sum(len(rig.told.begun) for rig in opened) == 3


@in_virtual_time
async def test_a_job_that_was_cancelled_while_its_writer_was_lost_ends_as_cancelled() -> None:
    async with rigs(2) as (writer, other):
        other.run()
        await asyncio.sleep(20)
        job = await told(writer)
        writer.faults.reachable = False
        await other.cancel(job.id, "enough")
        seen = await other.read(job.id)
        assert seen.events[-1].job_cancelled.reason == "enough"
        assert answer(seen.state) == "two words "


@in_virtual_time
async def test_usage_of_each_attempt_is_counted_apart() -> None:
    async with rigs(2) as (writer, other):
        other.run()
        await asyncio.sleep(20)
        job = await writer.start(scripted(tokens=100, rate=5, rich=True))
        await asyncio.sleep(2)
        writer.faults.reachable = False
        seen = await other.read(job.id)
        assert [entry.attempt for entry in seen.state.usage_entries] == [2]


@pytest.mark.parametrize("gap", [0.5, 12.0])
def test_after_an_outage_nobody_is_taken_over_for_one_lease(gap: float) -> None:
    @in_virtual_time
    async def run() -> None:
        async with rigs(2) as (writer, other):
            other.run()
            await asyncio.sleep(20)
            job = await told(writer)
            other.faults.reachable = False
            await asyncio.sleep(30)
            writer.faults.reachable = False
            await asyncio.sleep(20)
            other.faults.reachable = True
            await asyncio.sleep(gap)
            await settle()
            assert (await other.shared.get(job.id)).fence == (1 if gap < 10 else 2)

    run()
