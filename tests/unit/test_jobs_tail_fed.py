"""What a fed tail holds is what its writer would put back: no answer that was asked for before takes it away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamsvc import ids
from streamsvc.jobs.tail import Tail
from streamsvc.principal import ANONYMOUS
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import answer, kinds, part_started, text
from tests.support.faulty_store import FaultyStore
from tests.support.producers import STOP
from tests.support.reading import Collector
from tests.support.rig import Rig, one_rig, rigs
from tests.support.virtual_time import in_virtual_time, now, settle
from tests.support.writing_log import begin

REQUEST = pb.StartGenerationRequest(prompt="why?", request_id="r1")
JOB_ID = ids.job_id_of_request(ANONYMOUS.tenant, ANONYMOUS.subject, "r1")


@in_virtual_time
async def test_a_reader_that_came_before_the_job_takes_nothing_from_its_writer() -> None:
    async with one_rig() as rig:
        rig.faults.hold("get")
        rig.reader(JOB_ID)
        await settle()
        await rig.start(REQUEST)
        rig.faults.let_go("get")
        await settle()
        await rig.shared.lose(JOB_ID, to_offset=0, fence=0)
        rig.told.say(text("a"), STOP)
        await asyncio.sleep(1)
        stored = await rig.stored(JOB_ID)
        assert kinds(stored) == ["job_created", "job_started", "text_delta", "job_completed"]


@in_virtual_time
async def test_a_reader_whose_cursor_was_lost_takes_nothing_from_the_next_writer() -> None:
    async with one_rig() as rig:
        log = await begin(rig.shared)
        faults = FaultyStore(rig.shared)
        tail = Tail(log.job_id, faults.store, clock=now, window_bytes=lambda: 1 << 30)
        await log.say(text("a"))
        await tail.refresh()
        assert tail.base == 2
        await rig.shared.lose(log.job_id, to_offset=1, fence=1)
        await asyncio.sleep(11)
        taken = await log.taken_over()
        faults.hold("get")
        reading = asyncio.create_task(tail.refresh())
        await settle()
        tail.feed(taken.record, log.first)
        faults.let_go("get")
        await reading
        assert tail.base == 0


@in_virtual_time
async def test_a_final_event_that_its_writer_has_not_heard_of_is_not_put_back_without_the_end() -> None:
    async with one_rig() as rig:
        await rig.start(REQUEST)
        rig.told.say(text("a"))
        await settle()
        rig.faults.lose_answers("append")
        rig.told.say(STOP)
        await asyncio.sleep(0.02)
        assert (await rig.shared.get(JOB_ID)).closed
        await rig.state(JOB_ID)
        await rig.shared.lose(JOB_ID, to_offset=0, fence=0)
        await asyncio.sleep(1)
        assert kinds(await rig.stored(JOB_ID)) == ["job_created", "job_started", "text_delta", "job_completed"]
        assert (await rig.shared.get(JOB_ID)).closed


@in_virtual_time
async def test_what_a_new_writer_has_not_heard_of_is_not_put_back_for_having_been_announced() -> None:
    async with rigs(3) as (writer, other, third):
        other.run()
        await writer.start(REQUEST)
        elsewhere, reader = third.reader(JOB_ID), other.reader(JOB_ID)
        await asyncio.sleep(5)
        other.faults.lose_answers("append")
        writer.faults.reachable = False
        await elsewhere.until(lambda seen: kinds(seen.events)[-1:] == ["job_resumed"])
        await other.shared.lose(JOB_ID, to_offset=0, fence=0)
        other.told.say(STOP)
        seen = await reader.done()
        assert kinds(seen.events) == ["job_created", "job_started", "job_resumed", "job_completed"]
        assert seen.snapshots == []


@asynccontextmanager
async def overtaken() -> AsyncIterator[tuple[Rig, Rig, Collector]]:
    """Yield a writer that has just reached the store again, the next writer of its job, and a reader of the latter."""
    async with rigs(2) as (before, after):
        after.run()
        await before.start(REQUEST)
        await settle()
        before.faults.reachable = False
        reader = after.reader(JOB_ID)
        await reader.until(lambda seen: kinds(seen.events)[-1:] == ["job_resumed"])
        before.faults.reachable = True
        yield before, after, reader


@in_virtual_time
async def test_a_reader_of_the_next_writer_is_not_sent_back_by_one_that_has_not_been_told() -> None:
    async with overtaken() as (before, after, reader):
        moved = before.reader(JOB_ID, reader.collected.cursor)
        await settle()
        after.told.say(text("a"), STOP)
        seen = await moved.done()
        assert (kinds(seen.events), seen.snapshots) == (["text_delta", "job_completed"], [])


@in_virtual_time
async def test_a_state_is_not_that_of_a_writer_that_has_not_been_told() -> None:
    async with overtaken() as (before, after, reader):
        after.told.say(part_started(), text("a"))
        await reader.until(lambda seen: kinds(seen.events)[-1:] == ["text_delta"])
        assert answer(await before.state(JOB_ID)) == "a"
