"""States that are kept beside a log while it is written, for readers at other instances."""

from __future__ import annotations

from datetime import timedelta

from streamsvc.log import START
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import part_started, text
from tests.support.producers import STOP
from tests.support.rig import Rig, rigs
from tests.support.virtual_time import in_virtual_time, settle

EVERY = 2000
SNAPSHOT = pb.CATCH_UP_MODE_SNAPSHOT


async def _begin(rig: Rig) -> str:
    job = await rig.start()
    rig.told.say(part_started())
    return job.id


async def _say(rig: Rig, count: int) -> None:
    for number in range(count):
        rig.told.say(text(f"number {number} "))
        await settle()


@in_virtual_time
async def test_a_state_is_kept_now_and_then_and_never_when_nobody_needs_it() -> None:
    for every, kept in ((EVERY, True), (0, False)):
        async with rigs(1, checkpoint_bytes=every, flush_interval=timedelta()) as (rig,):
            job_id = await _begin(rig)
            await _say(rig, 200)
            checkpoint = await rig.shared.read_checkpoint(job_id)
            assert (checkpoint is not None) == kept
            assert (await rig.shared.read(job_id, START, max_bytes=1)).frames  # nothing was trimmed


@in_virtual_time
async def test_states_are_kept_ever_more_seldom_as_the_answer_grows() -> None:
    async with rigs(1, checkpoint_bytes=EVERY, flush_interval=timedelta()) as (rig,):
        await _begin(rig)
        calls = []
        for _ in range(3):
            await _say(rig, 1000)
            calls.append(rig.faults.calls["checkpoint"])
        grown = [after - before for before, after in zip([0, *calls], calls, strict=False)]
        assert grown[0] > grown[-1] >= 1


@in_virtual_time
async def test_a_first_state_elsewhere_costs_what_follows_the_checkpoint() -> None:
    async with rigs(2, checkpoint_bytes=EVERY, flush_interval=timedelta()) as (writer, other):
        job_id = await _begin(writer)
        await _say(writer, 2000)
        writer.told.say(STOP)
        await writer.read(job_id)
        before = other.faults.calls["read"]
        assert (await other.read(job_id, catch_up=SNAPSHOT)).state == await writer.state(job_id)
        read_with = other.faults.calls["read"] - before
        kept = await writer.shared.read_checkpoint(job_id)
        assert kept is not None
        assert kept.offset > 1000
        assert other.faults.calls["read_checkpoint"] == 1
        assert read_with <= 4
