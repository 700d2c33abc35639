"""One piece of work for many callers."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.jobs.shared import Shared
from tests.support.virtual_time import in_virtual_time, settle


class Work:
    """Counts its runs. Each lasts until the test lets it go."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.failure: Exception | None = None
        self.gate = asyncio.Semaphore(0)

    async def __call__(self) -> None:
        self.begun += 1
        await self.gate.acquire()
        self.ended += 1
        if self.failure is not None:
            raise self.failure


@in_virtual_time
async def test_callers_at_the_same_time_share_a_run() -> None:
    work = Work()
    shared = Shared()
    callers = [asyncio.create_task(shared.now(work)) for _ in range(10)]
    await settle()
    assert work.begun == 1
    work.gate.release()
    await asyncio.gather(*callers)
    assert work.begun == 1


@in_virtual_time
async def test_a_call_joins_only_a_run_that_begins_after_it_came() -> None:
    work = Work()
    shared = Shared()
    first = asyncio.create_task(shared.after_now(work))
    await settle()
    late = [asyncio.create_task(shared.after_now(work)) for _ in range(10)]
    await settle()
    work.gate.release()
    await first
    await settle()
    assert work.begun == 2
    assert not any(caller.done() for caller in late)
    work.gate.release()
    await asyncio.gather(*late)
    assert work.begun == 2


@in_virtual_time
async def test_a_cancelled_caller_does_not_stop_the_run() -> None:
    work = Work()
    shared = Shared()
    leaving = asyncio.create_task(shared.after_now(work))
    staying = asyncio.create_task(shared.now(work))
    await settle()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    work.gate.release()
    await staying
    assert work.ended == 1


@in_virtual_time
async def test_a_run_goes_on_when_all_callers_have_left() -> None:
    work = Work()
    shared = Shared()
    callers = [asyncio.create_task(shared.after_now(work)) for _ in range(3)]
    await settle()
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    work.gate.release()
    work.gate.release()
    await settle()
    assert work.ended == 2


@in_virtual_time
async def test_all_callers_of_a_run_hear_of_its_failure_and_the_next_run_is_a_new_one() -> None:
    work = Work()
    work.failure = ValueError("no")
    shared = Shared()
    callers = [asyncio.create_task(shared.now(work)) for _ in range(3)]
    await settle()
    work.gate.release()
    assert [type(outcome) for outcome in await asyncio.gather(*callers, return_exceptions=True)] == [ValueError] * 3
    work.failure = None
    work.gate.release()
    await shared.now(work)
    assert work.begun == 2


@in_virtual_time
async def test_a_run_that_waits_its_turn_begins_after_a_failed_one_too() -> None:
    work = Work()
    work.failure = ValueError("no")
    shared = Shared()
    first = asyncio.create_task(shared.after_now(work))
    await settle()
    second = asyncio.create_task(shared.after_now(work))
    await settle()
    work.gate.release()
    with pytest.raises(ValueError, match="no"):
        await first
    work.failure = None
    work.gate.release()
    await second
    assert work.begun == 2
