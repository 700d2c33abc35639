"""A store that is out of reach for a while: nothing is lost, doubled or taken from a living writer."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from streamsvc.errors import StoreUnavailable
from streamsvc.jobs.intake import MAX_EVENTS
from streamsvc.v1 import job_pb2
from tests.support.events import answer, kinds, part_started, text, text_of
from tests.support.producers import STOP
from tests.support.rig import Rig, one_rig, rigs
from tests.support.virtual_time import in_virtual_time, now, settle


async def saying(rig: Rig) -> job_pb2.Job:
    """Return a job whose answer is under way."""
    job = await rig.start()
    rig.told.say(part_started())
    await rig.reader(job.id).until(lambda seen: "part_started" in kinds(seen.events))
    return job


@in_virtual_time
async def test_the_same_frozen_batch_is_sent_again_until_it_is_stored() -> None:
    async with one_rig() as rig:
        job = await saying(rig)
        before = len(rig.faults.sent)
        rig.faults.fail("append", 5)
        rig.told.say(text("first "))
        await settle()
        rig.told.say(text("second"))
        rig.told.say(STOP)
        events = await rig.events(job.id)
        attempts = rig.faults.sent[before:]
        assert attempts[:6] == [attempts[0]] * 6
        assert text_of(events) == "first second"


@in_virtual_time
async def test_an_append_whose_answer_is_lost_is_in_the_log_once() -> None:
    async with one_rig() as rig:
        job = await saying(rig)
        for number in range(5):
            rig.faults.lose_answers("append", number % 3)
            rig.told.say(text(f"{number} "))
            await asyncio.sleep(1.0)
        rig.faults.lose_answers("append", 2)
        rig.told.say(STOP)
        events = await rig.events(job.id)
        assert text_of(events) == "0 1 2 3 4 "
        assert kinds(events).count("job_completed") == 1


@in_virtual_time
async def test_a_running_job_outlives_an_outage_that_is_longer_than_its_lease() -> None:
    async with rigs(2) as (writer, other):
        writer.run()
        other.run()
        await asyncio.sleep(30)
        job = await saying(writer)
        reader = writer.reader(job.id)
        writer.faults.reachable = other.faults.reachable = False
        for number in range(40):
            writer.told.say(text(f"{number} "))
            await asyncio.sleep(1.0)
        writer.faults.reachable = other.faults.reachable = True
        writer.told.say(STOP)
        seen = await reader.done()
        assert text_of(seen.events) == "".join(f"{number} " for number in range(40))
        assert "job_resumed" not in kinds(seen.events)
        assert len(writer.told.begun) == 1
        assert list(await other.events(job.id)) == seen.events


@in_virtual_time
async def test_a_writer_tries_again_within_a_third_of_its_lease_however_long_the_outage() -> None:
    lease = timedelta(seconds=1)
    async with one_rig(lease_ttl=lease) as rig:
        await saying(rig)
        rig.faults.reachable = False
        rig.told.say(text("on"))
        for _ in range(60):
            before = rig.faults.calls["append"]
            await asyncio.sleep(lease.total_seconds() / 3 + 0.01)
            assert rig.faults.calls["append"] > before
        rig.faults.reachable = True
        rig.told.say(STOP)


@pytest.mark.parametrize("seconds", [3, 9, 11, 35])
@in_virtual_time
async def test_a_writer_outlives_a_store_that_hangs_without_an_error(seconds: int) -> None:
    held = ("append", "renew", "read")
    async with one_rig() as rig:
        job = await saying(rig)
        for name in held:
            rig.faults.hold(name)
        for number in range(seconds):
            rig.told.say(text(f"{number} "))
            await asyncio.sleep(1.0)
        for name in held:
            rig.faults.let_go(name)
        rig.told.say(STOP)
        events = await rig.events(job.id)
        assert text_of(events) == "".join(f"{number} " for number in range(seconds))
        assert kinds(events)[-1] == "job_completed"


@in_virtual_time
async def test_a_store_that_does_not_answer_presses_back_on_the_producer() -> None:
    async with one_rig() as rig:
        job = await saying(rig)
        rig.faults.reachable = False
        taken = rig.told.taken
        rig.told.say(*[text(f"{number} ") for number in range(5000)])
        await asyncio.sleep(60)
        assert rig.told.taken - taken <= 2 * MAX_EVENTS + 2
        rig.faults.reachable = True
        rig.told.say(STOP)
        assert text_of(await rig.events(job.id)) == "".join(f"{number} " for number in range(5000))


@in_virtual_time
async def test_readers_stay_through_an_outage_with_heartbeats() -> None:
    async with one_rig(heartbeat_interval=timedelta(seconds=5)) as rig:
        job = await saying(rig)
        early = rig.reader(job.id)
        await early.until(lambda seen: bool(seen.events))
        rig.faults.reachable = False
        await asyncio.sleep(0.1)
        late = rig.reader(job.id)
        await asyncio.sleep(60)
        assert 10 <= early.collected.heartbeats <= 14
        assert 10 <= late.collected.heartbeats <= 14
        assert late.collected.events == []
        rig.faults.reachable = True
        rig.told.say(text("word"), STOP)
        assert [text_of((await reader.done()).events) for reader in (early, late)] == ["word", "word"]


@in_virtual_time
async def test_after_the_limit_the_writer_stops_and_readers_are_told() -> None:
    async with one_rig(store_outage_limit=timedelta(seconds=60)) as rig:
        job = await saying(rig)
        reader = rig.reader(job.id)
        await reader.until(lambda seen: bool(seen.events))
        rig.faults.reachable = False
        rig.told.say(text("word"))
        await asyncio.sleep(0.1)
        began, late = now(), rig.reader(job.id)
        with pytest.raises(StoreUnavailable):
            await late.done()
        assert 60 <= now() - began <= 90
        await asyncio.sleep(60)
        assert rig.told.closed == 1
        with pytest.raises(StoreUnavailable):
            await reader.done()
        sent = len(rig.faults.sent)
        await asyncio.sleep(60)
        assert len(rig.faults.sent) == sent


@in_virtual_time
async def test_nothing_is_started_or_told_of_a_store_that_cannot_be_reached() -> None:
    async with one_rig() as rig:
        job = await saying(rig)
        rig.faults.reachable = False
        with pytest.raises(StoreUnavailable):
            await rig.start()
        with pytest.raises(StoreUnavailable):
            await rig.state(job.id)
        with pytest.raises(StoreUnavailable):
            await rig.cancel(job.id)
        rig.faults.reachable = True
        assert len(rig.told.begun) == 1


@in_virtual_time
async def test_a_start_whose_answer_is_lost_may_be_repeated() -> None:
    async with one_rig() as rig:
        rig.faults.lose_answers("create")
        with pytest.raises(StoreUnavailable):
            await rig.start(request_id="r1")
        rig.run()
        job = await rig.start(request_id="r1")
        rig.told.say_text("word")
        rig.told.say(STOP)
        assert kinds(await rig.events(job.id)) == [
            *("job_created", "job_started", "part_started", "text_delta", "job_completed"),
        ]
        assert len(rig.told.begun) == 1


@in_virtual_time
async def test_an_outage_while_the_log_is_trimmed_does_not_end_the_job() -> None:
    async with one_rig(max_log_bytes=1024, flush_interval=timedelta()) as rig:
        job = await saying(rig)
        rig.faults.fail("checkpoint", 2)
        for number in range(200):
            rig.told.say(text(f"number {number} "))
            await asyncio.sleep(0.02)
        rig.told.say(STOP)
        seen = await rig.read(job.id)
        assert answer(seen.state) == "".join(f"number {number} " for number in range(200))
        assert kinds(seen.events)[-1:] == ["job_completed"] or seen.snapshots
        assert rig.faults.calls["checkpoint"] > 3
        assert (await rig.state(job.id)).job.status == job_pb2.JOB_STATUS_COMPLETED


@in_virtual_time
async def test_announcements_that_are_lost_cost_delay_and_nothing_else() -> None:
    async with rigs(2) as (writer, other):
        other.faults.deaf = True
        job = await saying(writer)
        reader = other.reader(job.id)
        for number in range(10):
            writer.told.say(text(f"{number} "))
            await asyncio.sleep(0.3)
        writer.told.say(STOP)
        began = now()
        seen = await reader.done()
        assert now() - began <= 1.1
        assert text_of(seen.events) == "".join(f"{number} " for number in range(10))
