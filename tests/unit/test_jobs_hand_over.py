"""Jobs that are given away when their instance stops: another one goes on at once, and nothing is lost or counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from streamsvc.producers.base import Finished
from streamsvc.v1 import event_pb2, job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import FINAL, answer, kinds, scripted, text, text_of
from tests.support.producers import STOP, Told
from tests.support.rig import Rig, rigs
from tests.support.virtual_time import in_virtual_time, now, settle

GRACE = timedelta(seconds=25)
AT_ONCE = timedelta()


async def told(rig: Rig, **fields: Any) -> job_pb2.Job:
    """Return a job that has said two words and goes on."""
    job = await rig.start(**fields)
    rig.told.say_text("two ", "words ")
    await rig.reader(job.id).until(lambda seen: answer(seen.state) == "two words ")
    return job


@in_virtual_time
async def test_a_job_that_outlasts_the_grace_goes_on_elsewhere_at_once_and_its_readers_are_exact() -> None:
    async with rigs(2, outlived=True) as (writer, other):
        other.run()
        job = await writer.start(scripted(tokens=1000, rate=20, pattern="count", rich=True))
        readers = [rig.reader(job.id) for rig in (writer, other)]
        began = now()
        draining = asyncio.create_task(writer.jobs.drain(GRACE))
        await readers[1].until(lambda seen: "job_resumed" in kinds(seen.events))
        assert 25 <= now() - began <= 25.1
        await draining
        assert now() - began <= 25.1
        seen = [await reader.done() for reader in readers]
        assert answer(seen[0].state) == "".join(f"{number} " for number in range(1000))
        assert all(reader.events == seen[0].events and not reader.snapshots for reader in seen)
        (resumed,) = [event.job_resumed for event in seen[0].events if event.HasField("job_resumed")]
        assert (resumed.attempt, resumed.reason, resumed.restarted) == (2, "HANDED_OVER", False)
        assert (await other.shared.get(job.id)).losses == 0


@in_virtual_time
async def test_the_upstream_is_closed_and_all_that_it_said_is_in_the_log_before_another_goes_on() -> None:
    async with rigs(2, outlived=True) as (writer, other):
        other.run()
        job = await told(writer)
        writer.faults.hold("append")
        writer.told.say(*[text(f"{number} ") for number in range(50)])
        await settle()
        draining = asyncio.create_task(writer.jobs.drain(AT_ONCE))
        await settle()
        assert writer.told.closed == 1
        assert other.told.begun == []
        writer.faults.let_go("append")
        await draining
        await settle()
        (so_far,) = other.told.begun
        assert so_far is not None
        assert answer(so_far) == "two words " + "".join(f"{number} " for number in range(50))
        other.told.say(text("the end"), STOP)
        assert text_of(await other.events(job.id)).endswith("49 the end")


@pytest.mark.parametrize(
    ("policy", "can_continue"), [(pb.RECOVERY_POLICY_FAIL, True), (pb.RECOVERY_POLICY_UNSPECIFIED, False)]
)
def test_what_the_next_writer_would_end_runs_until_the_grace_ends_and_is_ended_here(
    policy: pb.RecoveryPolicy.ValueType, can_continue: bool
) -> None:
    @in_virtual_time
    async def run() -> None:
        async with rigs(2, outlived=True) as (writer, other):
            other.run()
            writer.told.can_continue = can_continue
            job = await told(writer, recovery=policy)
            began = now()
            await writer.jobs.drain(GRACE)
            assert 25 <= now() - began <= 25.1
            seen = await other.read(job.id)
            assert seen.events[-1].job_failed.error.reason == "SERVER_STOPPED"
            assert answer(seen.state) == "two words "
            assert other.told.begun == []

    run()


@in_virtual_time
async def test_a_job_that_may_be_restarted_is_given_away_to_be_restarted() -> None:
    async with rigs(2, outlived=True) as (writer, other):
        other.run()
        job = await told(writer, recovery=pb.RECOVERY_POLICY_RESTART)
        other.told.say_text("another answer")
        other.told.say(STOP)
        await writer.jobs.drain(AT_ONCE)
        seen = await other.read(job.id)
        assert answer(seen.state) == "another answer"
        assert [event.job_resumed.restarted for event in seen.events if event.HasField("job_resumed")] == [True]


@in_virtual_time
async def test_a_job_that_waits_for_its_turn_is_given_away_whatever_its_policy() -> None:
    async with rigs(3, outlived=True) as (first, writer, other):
        other.run()
        fields: dict[str, Any] = {"conversation_id": "c", "concurrency": pb.CONCURRENCY_POLICY_REPLACE}
        replaced = await told(first, **fields)
        first.faults.reachable = False
        job = await writer.start(recovery=pb.RECOVERY_POLICY_FAIL, **fields)
        await settle()
        await writer.jobs.drain(AT_ONCE)
        other.told.say_text("word")
        other.told.say(STOP)
        assert kinds(await other.events(job.id)) == [
            *("job_created", "job_started", "part_started", "text_delta", "job_completed"),
        ]
        assert kinds(await other.events(replaced.id))[-1] == "job_cancelled"
        assert writer.told.begun == []


@in_virtual_time
async def test_a_job_may_be_handed_over_any_number_of_times() -> None:
    async with rigs(8, outlived=True) as opened:
        job = await opened[0].start(scripted(tokens=400, rate=20, pattern="count"))
        reader = opened[-1].reader(job.id)
        for writer, following in pairwise(opened):
            following.run()
            await asyncio.sleep(2)
            await writer.jobs.drain(AT_ONCE)
        seen = await reader.done()
        assert answer(seen.state) == "".join(f"{number} " for number in range(400))
        assert kinds(seen.events).count("job_resumed") == 7
        assert (await opened[-1].shared.get(job.id)).losses == 0


@in_virtual_time
async def test_what_an_instance_gave_away_that_was_alone_waits_for_the_next_one_to_start() -> None:
    async with rigs(2, outlived=True) as (writer, following):
        job = await told(writer)
        await writer.jobs.drain(AT_ONCE)
        await asyncio.sleep(600)
        began = now()
        following.run()
        reader = following.reader(job.id)
        await reader.until(lambda seen: "job_resumed" in kinds(seen.events))
        assert now() - began <= 0.1
        following.told.say(text("more"), STOP)
        assert answer((await reader.done()).state) == "two words more"
        assert (await following.shared.get(job.id)).losses == 0


@in_virtual_time
async def test_a_hand_over_that_nobody_hears_of_costs_the_reapers_interval() -> None:
    async with rigs(2, outlived=True) as (writer, other):
        other.run()
        job = await told(writer)
        other.faults.deaf = True
        began = now()
        await writer.jobs.drain(AT_ONCE)
        await other.reader(job.id).until(lambda seen: "job_resumed" in kinds(seen.events))
        assert now() - began <= 2.1


@in_virtual_time
async def test_a_job_that_is_cancelled_between_two_writers_ends_as_cancelled() -> None:
    async with rigs(2, outlived=True) as (writer, following):
        job = await told(writer)
        await writer.jobs.drain(AT_ONCE)
        await following.cancel(job.id, "enough")
        following.run()
        seen = await following.read(job.id)
        assert seen.events[-1].job_cancelled.reason == "enough"
        assert answer(seen.state) == "two words "


@pytest.mark.parametrize("name", ["renew", "release", "append"])
def test_a_hand_over_whose_answer_is_lost_is_made_once(name: str) -> None:
    @in_virtual_time
    async def run() -> None:
        async with rigs(2, outlived=True) as (writer, other):
            other.run()
            job = await told(writer)
            writer.told.say(text("more "))
            await settle()
            writer.faults.lose_answers(name, 2)
            await writer.jobs.drain(AT_ONCE)
            other.told.say(text("and more"), STOP)
            seen = await other.read(job.id)
            assert answer(seen.state) == "two words more and more"
            assert kinds(seen.events).count("job_resumed") == 1
            assert (await other.shared.get(job.id)).losses == 0

    run()


@in_virtual_time
async def test_what_the_store_has_lost_is_put_back_before_the_job_is_given_away() -> None:
    async with rigs(2, outlived=True) as (writer, other):
        other.run()
        job = await told(writer)
        record = await other.shared.get(job.id)
        await other.shared.lose(job.id, record.job.last_offset - 1, record.fence)
        await writer.jobs.drain(AT_ONCE)
        other.told.say(text("more"), STOP)
        seen = await other.read(job.id)
        assert answer(seen.state) == "two words more"
        assert not seen.snapshots


@in_virtual_time
async def test_a_start_that_is_under_way_when_the_drain_begins_is_not_left_to_run_out() -> None:
    async with rigs(2, outlived=True) as (writer, other):
        other.run()
        writer.faults.hold("create")
        starting = asyncio.create_task(writer.start())
        await settle()
        draining = asyncio.create_task(writer.jobs.drain(AT_ONCE))
        await asyncio.sleep(1)
        assert not draining.done()
        writer.faults.let_go("create")
        job = await starting
        began = now()
        await draining
        other.told.say(STOP)
        seen = await other.read(job.id)
        assert [kind for kind in kinds(seen.events) if kind in FINAL] == ["job_completed"]
        assert now() - began <= 0.1
        assert (await other.shared.get(job.id)).losses == 0


@in_virtual_time
async def test_other_calls_do_not_wait_for_a_takeover_that_takes_its_time() -> None:
    async with rigs(2, outlived=True) as (writer, other):
        other.run()
        await told(writer)
        running = await told(other)
        other.faults.hold("acquire")
        await writer.jobs.drain(AT_ONCE)
        await settle()
        began = now()
        await writer.cancel(running.id, "enough")
        assert (await other.read(running.id)).events[-1].job_cancelled.reason == "enough"
        assert now() - began <= 0.1
        other.faults.let_go("acquire")


class Stubborn(Told):
    """Takes very long to close its upstream."""

    async def generate(self, *arguments: Any) -> AsyncIterator[event_pb2.Event | Finished]:
        try:
            async for item in super().generate(*arguments):
                yield item
        finally:
            await asyncio.sleep(60)


@in_virtual_time
async def test_a_job_whose_upstream_does_not_close_is_given_away_all_the_same() -> None:
    async with rigs(2, outlived=True) as (writer, other):
        other.run()
        stubborn = Stubborn("stubborn")
        for rig in (writer, other):
            rig.jobs._producers["stubborn"] = stubborn  # type: ignore[index]
        job = await writer.start(producer="stubborn")
        stubborn.say_text("word")
        await writer.reader(job.id).until(lambda seen: answer(seen.state) == "word")
        began = now()
        draining = asyncio.create_task(writer.jobs.drain(AT_ONCE))
        await other.reader(job.id).until(lambda seen: "job_resumed" in kinds(seen.events))
        assert now() - began <= 2.1
        await draining
        assert now() - began <= 10
        stubborn.say(STOP)
        assert (await other.shared.get(job.id)).losses == 0
