"""Logs that cannot be read: the job comes to its end, its readers are told, and nothing goes round for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from streamsvc.errors import LogCorrupt
from streamsvc.log import Frames
from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import answer, text
from tests.support.producers import STOP
from tests.support.rig import Rig, rigs
from tests.support.virtual_time import in_virtual_time, settle

SNAPSHOT = pb.CATCH_UP_MODE_SNAPSHOT


async def told(rig: Rig, **fields: Any) -> job_pb2.Job:
    """Return a job that has said two words and goes on."""
    job = await rig.start(**fields)
    rig.told.say_text("two ", "words ")
    await rig.reader(job.id).until(lambda seen: answer(seen.state) == "two words ")
    return job


def damage(rig: Rig, job_id: str, *, trimmed: bool = False) -> int:
    """Put other bytes in the place of a job's events, or none at all. Returns the last offset of its log."""
    stored = rig.shared._jobs[job_id]
    last: int = stored.job.last_offset
    stored.frames = Frames(last if trimmed else 0)
    if not trimmed:
        stored.frames.append(b"\x0a\x04\x08\x01\xff\xff", last)
    return last


@pytest.mark.parametrize("trimmed", [False, True])
@pytest.mark.parametrize("policy", [pb.RECOVERY_POLICY_CONTINUE, pb.RECOVERY_POLICY_RESTART])
def test_a_job_whose_log_is_corrupt_ends_with_the_first_takeover(
    policy: pb.RecoveryPolicy.ValueType, trimmed: bool
) -> None:
    @in_virtual_time
    async def run() -> None:
        async with rigs(2, outlived=True) as (writer, other):
            job = await told(writer, recovery=policy)
            writer.faults.reachable = False
            last = damage(other, job.id, trimmed=trimmed)
            other.run()
            await asyncio.sleep(30)
            record = await other.shared.get(job.id)
            assert (record.closed, record.job.last_offset, record.losses) == (True, last + 1, 1)
            assert record.job.error.reason == "INTERNAL"
            assert "corrupt" in record.job.error.message
            assert other.told.begun == []
            with pytest.raises(LogCorrupt):
                await other.state(job.id)
            with pytest.raises(LogCorrupt):
                await other.reader(job.id, catch_up=SNAPSHOT).done()

    run()


@in_virtual_time
async def test_a_job_whose_log_cannot_be_read_for_other_reasons_ends_when_it_was_lost_too_often() -> None:
    async with rigs(3, outlived=True) as (writer, other, reading):
        job = await told(writer)
        reader = reading.reader(job.id)
        writer.faults.reachable = False
        other.faults.fail("get", 1000)
        other.run()
        seen = await reader.done()
        assert seen.events[-1].job_failed.error.reason == "PRODUCER_LOST"
        assert answer(seen.state) == "two words "
        assert (await other.shared.get(job.id)).losses == 3
        assert other.told.begun == []


@in_virtual_time
async def test_a_job_that_is_to_end_anyhow_ends_although_its_log_cannot_be_read() -> None:
    async with rigs(2, outlived=True) as (writer, other):
        job = await told(writer)
        writer.faults.reachable = False
        last = damage(other, job.id)
        await other.cancel(job.id, "enough")
        other.run()
        await asyncio.sleep(30)
        record = await other.shared.get(job.id)
        assert (record.job.status, record.job.last_offset) == (job_pb2.JOB_STATUS_CANCELLED, last + 1)


def broken(error: Exception) -> Any:
    """Return a call that raises `error`."""

    async def call(*_: object, **__: object) -> None:
        raise error

    return call


@pytest.mark.parametrize("error", [LogCorrupt("the stored events cannot be decoded"), ValueError("a bug")])
def test_readers_of_a_log_that_cannot_be_followed_are_told_and_those_after_them_try_again(error: Exception) -> None:
    @in_virtual_time
    async def run() -> None:
        async with rigs(2) as (writer, other):
            job = await told(writer)
            readers = [other.reader(job.id) for _ in range(3)]
            for reader in readers:
                await reader.until(lambda seen: answer(seen.state) == "two words ")
            await settle()
            setattr(other.faults, "read", broken(error))  # noqa: B010
            await asyncio.sleep(2)
            for reader in readers:
                with pytest.raises(type(error)):
                    await reader.done()
            delattr(other.faults, "read")
            writer.told.say(text("more"), STOP)
            late = await other.read(job.id)
            assert answer(late.state) == "two words more"

    run()
