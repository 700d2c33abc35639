"""`publish` and `publishing`: an answer that this process makes becomes a job, and ends as its block does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from streamsvc.client import AlreadyEnded, AnswerDiffers, publish, publishing
from streamsvc.client.publish_outbox import FULL_EVENTS
from streamsvc.errors import EventInvalid, LeaseLost
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from streamsvc.v1 import job_service_pb2 as jobs_pb
from tests.support.events import Event, answer, kinds, part_started, text
from tests.support.outside import Inside, completed, inside
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMPLETED, FAILED, CANCELLED = (
    job_pb2.JOB_STATUS_COMPLETED,
    job_pb2.JOB_STATUS_FAILED,
    job_pb2.JOB_STATUS_CANCELLED,
)


async def words(count: int, *, first: int = 0) -> AsyncIterator[str]:
    for number in range(first, count):
        yield f"{number} "


def counted(count: int) -> str:
    return "".join(f"{number} " for number in range(count))


async def stopped(address: str, request_id: str, *items: str | Event) -> None:
    """Publish the beginning of an answer, as a process that is told to stop then."""

    async def answering() -> AsyncIterator[str | Event]:
        for item in items:
            yield item
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await publish(answering(), address, request_id=request_id)


async def the_job(service: Inside) -> job_pb2.Job:
    """Wait for the only job there is."""
    while True:
        page = await service.jobs.ListJobs(jobs_pb.ListJobsRequest())
        if page.jobs:
            job: job_pb2.Job = page.jobs[0]
            return job


async def test_an_iterator_of_text_becomes_an_answer() -> None:
    async with inside() as service:
        job = await publish(words(1000), service.app.internal_address, conversation_id="c", model="m")
        events = await service.events(job.id)
        assert (job.status, job.conversation_id, job.last_offset) == (COMPLETED, "c", len(events))
        state = await service.state(job.id)
        assert answer(state) == counted(1000)
        assert [part.completed for part in state.parts] == [True]
        assert len(events) < 500  # neighbours are merged


async def test_events_are_kept_as_they_are() -> None:
    async def answering() -> AsyncIterator[Event]:
        yield part_started()
        for number in range(300):
            yield text(f"{number} ")
        yield completed()

    async with inside() as service:
        job = await publish(answering(), service.app.internal_address)
        assert kinds(await service.events(job.id))[2:] == ["part_started", *300 * ["text_delta"], "job_completed"]


async def test_parts_of_each_kind_stand_in_the_state() -> None:
    async with inside() as service:
        async with publishing(service.app.internal_address) as pub:
            async with pub.reasoning() as thinking:
                await thinking.write("hm")
            async with pub.text() as one, pub.text() as other:
                await one.write("a")
                await other.write("b")
                await one.write("c")
                await one.cite(content_pb2.Citation(url="https://example.com"))
            async with pub.tool_call("search") as call:
                await call.write('{"q": 1}')
                await call.succeed("found")
            await pub.say("so ")
            await pub.say("it is")
            await pub.title("a title")
            pub.complete(job_pb2.FINISH_REASON_LENGTH)
        state = await service.state(pub.job.id)
        assert [part.WhichOneof("kind") for part in state.parts] == ["reasoning", "text", "text", "tool_call", "text"]
        assert all(part.completed for part in state.parts)
        assert [part.text.text for part in state.parts if part.HasField("text")] == ["ac", "b", "so it is"]
        assert state.parts[3].tool_call.status == content_pb2.TOOL_CALL_STATUS_SUCCEEDED
        assert (state.parts[3].tool_call.arguments_json, state.parts[3].tool_call.results[0].text) == (
            '{"q": 1}',
            "found",
        )
        assert (state.job.finish_reason, state.job.metadata["title"]) == (job_pb2.FINISH_REASON_LENGTH, "a title")


async def test_a_cancel_closes_the_iterator_at_once_and_keeps_what_was_said() -> None:
    closed = asyncio.Event()

    async def hanging() -> AsyncIterator[str]:
        try:
            yield "half an "
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with inside() as service:
        publishing_it = asyncio.create_task(publish(hanging(), service.app.internal_address))
        job = await the_job(service)
        await service.jobs.CancelJob(jobs_pb.CancelJobRequest(job_id=job.id, reason="enough"))
        ended = await publishing_it
        assert closed.is_set()
        assert ended.status == CANCELLED
        events = await service.events(job.id)
        assert events[-1].job_cancelled.reason == "enough"
        assert (await service.state(job.id)).job.status == CANCELLED


async def test_what_the_iterator_raises_fails_the_job_without_its_words() -> None:
    async def breaking() -> AsyncIterator[str]:
        yield "half an "
        raise ZeroDivisionError("secret")

    async with inside() as service:
        with pytest.raises(ZeroDivisionError):
            await publish(breaking(), service.app.internal_address)
        job = await the_job(service)
        state = await service.state(job.id)
        assert (state.job.status, state.job.error.reason, answer(state)) == (FAILED, "INTERNAL", "half an ")
        assert "secret" not in str(state)


async def test_a_job_can_be_failed_with_a_reason_of_its_own() -> None:
    async with inside() as service:
        async with publishing(service.app.internal_address) as pub:
            await pub.say("sorry")
            pub.fail("UPSTREAM_TIMEOUT", "it took too long", retryable=True)
        assert pub.job.status == FAILED
        error = (await service.state(pub.job.id)).job.error
        assert (error.reason, error.retryable) == ("UPSTREAM_TIMEOUT", True)


async def test_an_event_that_does_not_fit_fails_the_job_and_is_told_to_the_caller() -> None:
    async def misfitting() -> AsyncIterator[str | Event]:
        yield "said"
        yield text("nowhere", 7)
        await asyncio.Event().wait()

    async with inside() as service:
        with pytest.raises(EventInvalid):
            await publish(misfitting(), service.app.internal_address)
        state = await service.state((await the_job(service)).id)
        assert (state.job.status, state.job.error.reason) == (FAILED, "INTERNAL")


async def test_a_process_that_is_started_again_goes_on_where_the_log_ends() -> None:
    async def some(count: int) -> AsyncIterator[str]:
        async for word in words(count):
            yield word
        await asyncio.Event().wait()

    async with inside() as service:
        address = service.app.internal_address
        first = asyncio.create_task(publish(some(10), address, request_id="r"))
        job = await the_job(service)
        async with asyncio.timeout(10):
            while answer(await service.state(job.id)) != counted(10):  # noqa: ASYNC110 # nobody tells of it
                await asyncio.sleep(0.005)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        again = await publish(words(20), address, request_id="r")
        assert (again.id, again.status, again.attempt) == (job.id, COMPLETED, 2)
        assert answer(await service.state(job.id)) == counted(20)
        once_more = await publish(words(20), address, request_id="r")
        assert (once_more.id, once_more.status) == (job.id, COMPLETED)
        with pytest.raises(AlreadyEnded):
            async with publishing(address, request_id="r"):
                pass


async def test_an_answer_that_is_begun_again_must_be_the_same_and_a_function_goes_on_as_it_likes() -> None:
    async def three(so_far: state_pb2.JobState) -> AsyncIterator[str]:
        yield f"three, after {len(answer(so_far))}"

    async def other() -> AsyncIterator[str]:
        yield "one three"

    async def by_events() -> AsyncIterator[Event | str]:
        yield part_started()
        yield "one"

    async with inside() as service:
        address = service.app.internal_address
        await stopped(address, "differs", "one two ")
        with pytest.raises(AnswerDiffers):
            await publish(other(), address, request_id="differs")
        await stopped(address, "mixed", "one two ")
        with pytest.raises(ValueError, match="pass a function"):
            await publish(by_events(), address, request_id="mixed")
        await stopped(address, "function", "one two ")
        job = await publish(three, address, request_id="function")
        assert answer(await service.state(job.id)) == "one two three, after 8"


async def test_events_that_are_said_again_are_counted() -> None:
    async def events(count: int) -> AsyncIterator[Event]:
        yield part_started()
        for number in range(count):
            yield text(f"{number} ")

    async with inside() as service:
        address = service.app.internal_address
        await stopped(address, "r", *[event async for event in events(7)])
        job = await publish(events(20), address, request_id="r")
        assert answer(await service.state(job.id)) == counted(20)


async def test_a_second_process_fences_the_first() -> None:
    fenced = asyncio.Event()

    async def first() -> AsyncIterator[str]:
        yield "one "
        await fenced.wait()
        yield "late"
        await asyncio.Event().wait()

    async with inside() as service:
        address = service.app.internal_address
        writing = asyncio.create_task(publish(first(), address, request_id="r"))
        job = await the_job(service)
        async with publishing(address, request_id="r") as second:
            fenced.set()
            with pytest.raises(LeaseLost):
                await writing
            await second.say("two")
        state = await service.state(job.id)
        assert answer(state) in ("one two", "two")
        assert state.job.status == COMPLETED


async def test_a_block_that_is_quiet_keeps_its_lease() -> None:
    async with inside(claim_grace=timedelta(0)) as service:
        async with publishing(service.app.internal_address) as pub:
            await pub.say("a")
            await asyncio.sleep(2.5)  # leases last a second here
            await pub.say("b")
        assert answer(await service.state(pub.job.id)) == "ab"
        assert kinds(await service.events(pub.job.id)).count("job_resumed") == 0


async def test_whoever_speaks_faster_than_the_service_stores_has_to_wait() -> None:
    said = 0

    async def fast() -> AsyncIterator[Event]:
        nonlocal said
        yield part_started()
        for said in range(5 * FULL_EVENTS):  # noqa: B007 # it is looked at
            yield event_pb2.Event(reasoning_delta=event_pb2.ReasoningDelta(text="x"))

    async with inside() as service:
        with pytest.raises(EventInvalid):
            await publish(fast(), service.app.internal_address)
        assert said < 2 * FULL_EVENTS


async def test_nothing_is_left_here_after_an_answer() -> None:
    async with inside() as service:
        await publish(words(100), service.app.internal_address)
        before = len(asyncio.all_tasks())
        await publish(words(100), service.app.internal_address)
        await eventually(lambda: len(asyncio.all_tasks()) <= before)
        assert len(service.app.jobs.writers._desks) == 0
