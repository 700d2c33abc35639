"""`work`: jobs that others start with a producer's name are claimed, answered, cancelled and given away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from streamsvc.client import Publisher, work
from streamsvc.v1 import job_service_pb2 as jobs_pb
from streamsvc.v1 import producer_service_pb2 as pb
from tests.support.events import answer, kinds
from tests.support.outside import AGENT, Inside, inside, seconds

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def echo(pub: Publisher) -> AsyncIterator[str]:
    assert pub.request is not None
    yield "you asked: "
    yield pub.request.prompt


@asynccontextmanager
async def working(service: Inside, handler: Any = echo, at_once: int = 1) -> AsyncIterator[asyncio.Task[None]]:
    """Work in the background."""
    task = asyncio.create_task(work(AGENT, handler, service.app.internal_address, at_once=at_once))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_started_jobs_are_answered_by_a_worker() -> None:
    async with inside() as service, working(service, at_once=3):
        jobs = [await service.start(prompt=f"question {number}") for number in range(10)]
        for number, job in enumerate(jobs):
            events = await service.events(job.id)
            assert kinds(events)[:2] == ["job_created", "job_started"]
            assert events[-1].HasField("job_completed")
            assert answer(await service.state(job.id)) == f"you asked: question {number}"


async def test_a_handler_may_say_parts_instead_of_yielding() -> None:
    async def handler(pub: Publisher) -> None:
        async with pub.text() as part:
            await part.write("in parts")

    async with inside() as service, working(service, handler):
        job = await service.start()
        await service.events(job.id)
        assert answer(await service.state(job.id)) == "in parts"


async def test_a_cancel_closes_the_handler_and_the_worker_goes_on() -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def handler(pub: Publisher) -> AsyncIterator[str]:
        if pub.request is not None and pub.request.prompt == "quick":
            yield "done"
            return
        try:
            yield "half an "
            begun.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with inside() as service, working(service, handler):
        job = await service.start()
        await begun.wait()
        await service.jobs.CancelJob(jobs_pb.CancelJobRequest(job_id=job.id, reason="enough"))
        events = await service.events(job.id)
        assert closed.is_set()
        assert events[-1].job_cancelled.reason == "enough"
        assert answer(await service.state(job.id)) == "half an "
        quick = await service.start(prompt="quick")
        assert (await service.events(quick.id))[-1].HasField("job_completed")


async def test_a_handler_that_raises_fails_its_job_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    secret = "secret words"

    async def handler(pub: Publisher) -> AsyncIterator[str]:
        assert pub.request is not None
        if pub.request.prompt == "bad":
            raise ZeroDivisionError(secret)
        yield "good"

    async with inside() as service, working(service, handler):
        with caplog.at_level(logging.ERROR):
            bad, good = await service.start(prompt="bad"), await service.start(prompt="good")
            assert (await service.events(bad.id))[-1].job_failed.error.reason == "INTERNAL"
            assert (await service.events(good.id))[-1].HasField("job_completed")
        assert "ZeroDivisionError" in caplog.text
        assert secret not in caplog.text


async def test_a_worker_that_is_told_to_stop_gives_its_job_to_the_next_one() -> None:
    begun = asyncio.Event()

    async def stuck(pub: Publisher) -> AsyncIterator[str]:
        yield "one "
        begun.set()
        await asyncio.Event().wait()

    async def going_on(pub: Publisher) -> AsyncIterator[str]:
        yield f"two, after {answer(pub.so_far)!r}"

    async with inside() as service:
        async with working(service, stuck):
            job = await service.start()
            await begun.wait()
        async with working(service, going_on):
            events = await service.events(job.id)
        assert answer(await service.state(job.id)) == "one two, after 'one '"
        assert [event.job_resumed.reason for event in events if event.HasField("job_resumed")] == ["HANDED_OVER"]


async def test_a_job_that_loses_its_workers_again_and_again_fails() -> None:
    async with inside(max_attempts=2) as service:
        job = await service.start()
        claimed = 0
        reading = asyncio.ensure_future(service.events(job.id))
        while not reading.done():
            # As a worker that dies at once: the lease is neither renewed nor given away.
            claim = pb.ClaimJobRequest(producer=AGENT, wait=seconds(0.5))
            claimed += (await service.producers.ClaimJob(claim)).HasField("lease")
        assert (await reading)[-1].job_failed.error.reason == "PRODUCER_LOST"
        assert claimed == 2
