"""Between a producer and its runner: in order, within bounds, and with one end."""

from __future__ import annotations

import asyncio

from streamsvc.jobs import lifecycle
from streamsvc.jobs.intake import MAX_BYTES, MAX_EVENTS, Intake
from streamsvc.producers.base import Finished
from streamsvc.v1 import job_pb2
from tests.support.events import text, text_of
from tests.support.virtual_time import in_virtual_time, now, settle

DONE = lifecycle.completed(Finished(job_pb2.FINISH_REASON_STOP))
CANCELLED = lifecycle.cancelled("enough")


@in_virtual_time
async def test_events_are_taken_in_the_order_in_which_they_came() -> None:
    intake = Intake()
    for number in range(5):
        intake.put(text(str(number)))
    events, final = intake.take()
    assert text_of(events) == "01234"
    assert final is None
    assert intake.take() == ([], None)


@in_virtual_time
async def test_a_full_intake_makes_the_producer_wait_until_something_is_taken() -> None:
    intake = Intake()
    assert [intake.put(text("a")) for _ in range(MAX_EVENTS)] == [True] * (MAX_EVENTS - 1) + [False]
    waiting = asyncio.create_task(intake.room())
    await settle()
    assert not waiting.done()
    assert len(intake.take()[0]) == MAX_EVENTS
    await waiting
    assert intake.put(text("a"))


@in_virtual_time
async def test_bytes_fill_the_intake_as_well() -> None:
    intake = Intake()
    assert not intake.put(text("x" * MAX_BYTES))
    waiting = asyncio.create_task(intake.room())
    await settle()
    assert not waiting.done()
    intake.take()
    await waiting


@in_virtual_time
async def test_the_end_comes_with_everything_that_was_said_before_it() -> None:
    intake = Intake()
    intake.put(text("a"))
    intake.end(DONE)
    assert intake.ended
    events, final = intake.take()
    assert text_of(events) == "a"
    assert final == DONE


@in_virtual_time
async def test_the_first_word_about_the_end_counts() -> None:
    intake = Intake()
    intake.end(CANCELLED)
    intake.end(DONE)
    assert intake.take()[1] == CANCELLED


@in_virtual_time
async def test_nothing_is_taken_in_after_the_end() -> None:
    intake = Intake()
    intake.end(DONE)
    intake.put(text("late"))
    assert intake.take() == ([], DONE)


@in_virtual_time
async def test_a_taker_waits_until_something_has_arrived() -> None:
    intake = Intake()
    arriving = asyncio.create_task(intake.arrived())
    await settle()
    assert not arriving.done()
    intake.put(text("a"))
    await arriving
    intake.take()
    arriving = asyncio.create_task(intake.arrived())
    await settle()
    assert not arriving.done()
    intake.end(DONE)
    await arriving


@in_virtual_time
async def test_waiting_for_more_ends_with_the_time_the_bound_or_the_end() -> None:
    intake, began = Intake(), now()
    intake.put(text("a"))
    await intake.filled(5.0)
    assert now() == began + 5.0
    for _ in range(MAX_EVENTS - 1):
        intake.put(text("b"))
    await intake.filled(5.0)
    assert now() == began + 5.0
    intake.take()
    intake.end(DONE)
    await intake.filled(5.0)
    assert now() == began + 5.0
