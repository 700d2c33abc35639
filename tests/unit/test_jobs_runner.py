"""One producer into one log: what it says, how it ends, and what is made of its failures."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest

from streamsvc.jobs import lifecycle
from streamsvc.producers.base import Finished, UpstreamError
from streamsvc.v1 import job_pb2
from tests.support.events import answer, kinds, part_started, text, text_of, title
from tests.support.producers import SECRET, STOP
from tests.support.rig import Rig, one_rig
from tests.support.virtual_time import in_virtual_time, now, settle


def refused(*, retryable: bool = True, retried: bool = False) -> UpstreamError:
    metadata = {"status": "503"}
    return UpstreamError("UPSTREAM_UNAVAILABLE", "said 503", retryable=retryable, retried=retried, metadata=metadata)


async def failed(rig: Rig, job_id: str) -> job_pb2.JobError:
    """Return how a job failed."""
    events = await rig.events(job_id)
    assert kinds(events)[-1] == "job_failed"
    return events[-1].job_failed.error


@in_virtual_time
async def test_a_job_is_created_started_told_and_completed() -> None:
    async with one_rig(flush_interval=timedelta()) as rig:
        rig.told.say_text("two ", "words")
        rig.told.say(Finished(job_pb2.FINISH_REASON_LENGTH, "max_tokens"))
        job = await rig.start(model="m2", labels={"k": "v"})
        events = await rig.events(job.id)
        assert kinds(events) == [
            *("job_created", "job_started", "part_started", "text_delta", "text_delta", "job_completed"),
        ]
        assert events[0].job_created.job.labels == {"k": "v"}
        assert events[-1].job_completed.finish_reason == job_pb2.FINISH_REASON_LENGTH
        assert events[-1].job_completed.upstream_finish_reason == "max_tokens"
        state = await rig.state(job.id)
        assert (state.job.status, state.job.model, answer(state)) == (job_pb2.JOB_STATUS_COMPLETED, "m2", "two words")
        assert rig.told.requests[0].messages[0].parts[0].text.text == "why?"


@in_virtual_time
async def test_a_producer_that_gives_no_reason_to_end_has_ended_all_the_same() -> None:
    async with one_rig() as rig:
        rig.told.say_text("word")
        rig.told.say(Finished(job_pb2.FINISH_REASON_UNSPECIFIED))
        assert kinds(await rig.events((await rig.start()).id))[-1] == "job_completed"


@in_virtual_time
async def test_the_first_words_of_a_slow_producer_are_there_at_once() -> None:
    async with one_rig() as rig:
        reader = rig.reader((await rig.start()).id)
        for number in range(20):
            await asyncio.sleep(0.05)
            began = now()
            rig.told.say(part_started() if not number else text(str(number)))
            await reader.until(lambda seen, said=number: len(seen.events) == 3 + said)  # type: ignore[misc]
            assert now() == began
        rig.told.say(STOP)
        await reader.done()


@in_virtual_time
async def test_what_arrives_while_an_append_is_under_way_becomes_one_batch() -> None:
    async with one_rig() as rig:
        job = await rig.start()
        await rig.reader(job.id).until(lambda seen: len(seen.events) == 2)
        rig.faults.hold("append")
        rig.told.say_text("one ")
        await settle()
        for number in range(100):
            rig.told.say(text(f"{number} "))
        await settle()
        before = len(rig.faults.sent)
        rig.faults.let_go("append")
        rig.told.say(STOP)
        events = await rig.events(job.id)
        assert text_of(events) == "one " + "".join(f"{number} " for number in range(100))
        assert len(rig.faults.sent) - before <= 2
        assert kinds(events).count("text_delta") <= 3


@in_virtual_time
async def test_without_a_flush_interval_every_event_stays_as_it_is() -> None:
    async with one_rig(flush_interval=timedelta()) as rig:
        rig.told.say_text(*["x"] * 500)
        rig.told.say(STOP)
        assert kinds(await rig.events((await rig.start()).id)).count("text_delta") == 500


@in_virtual_time
async def test_a_title_is_known_of_the_job_while_it_runs() -> None:
    async with one_rig() as rig:
        job = await rig.start()
        rig.told.say(title("A title"))
        await rig.reader(job.id).until(lambda seen: "metadata_updated" in kinds(seen.events))
        assert (await rig.shared.get(job.id)).job.metadata == {"title": "A title"}


@in_virtual_time
async def test_an_upstream_that_fails_after_some_words_keeps_them() -> None:
    async with one_rig() as rig:
        rig.told.say_text("two ", "words")
        rig.told.say(refused())
        job = await rig.start()
        error = await failed(rig, job.id)
        assert (error.reason, error.message, error.retryable) == ("UPSTREAM_UNAVAILABLE", "said 503", True)
        assert error.metadata == {"status": "503"}
        assert answer(await rig.state(job.id)) == "two words"
        assert len(rig.told.begun) == 1


@in_virtual_time
async def test_an_upstream_that_fails_before_the_first_word_is_asked_again() -> None:
    async with one_rig() as rig:
        rig.told.say(refused(), refused())
        rig.told.say_text("word")
        rig.told.say(STOP)
        job = await rig.start()
        assert kinds(await rig.events(job.id))[-1] == "job_completed"
        assert len(rig.told.begun) == 3


@in_virtual_time
async def test_an_upstream_that_fails_again_and_again_fails_the_job() -> None:
    async with one_rig() as rig:
        rig.told.say(*[refused()] * 10)
        job = await rig.start()
        assert (await failed(rig, job.id)).reason == "UPSTREAM_UNAVAILABLE"
        assert len(rig.told.begun) == 3


@pytest.mark.parametrize("error", [refused(retryable=False), refused(retried=True)])
def test_an_upstream_is_not_asked_again_where_that_does_not_help(error: UpstreamError) -> None:
    @in_virtual_time
    async def run() -> None:
        async with one_rig() as rig:
            rig.told.say(error)
            await failed(rig, (await rig.start()).id)
            assert len(rig.told.begun) == 1

    run()


@in_virtual_time
async def test_a_bug_of_a_producer_fails_its_job_only_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with one_rig() as rig:
        with caplog.at_level(logging.DEBUG):
            other = await rig.start(prompt="other", producer="scripted")
            rig.told.say_text("two ", "words")
            rig.told.say(ValueError(f"cannot understand {SECRET}"))
            job = await rig.start(prompt=SECRET)
            error = await failed(rig, job.id)
        incident = error.metadata["incident"]
        assert (error.reason, error.retryable) == ("INTERNAL", True)
        assert incident in error.message
        assert incident in caplog.text
        assert SECRET not in caplog.text + error.message
        assert answer(await rig.state(job.id)) == "two words"
        assert kinds(await rig.events(other.id))[-1] == "job_completed"


@in_virtual_time
async def test_a_producer_that_says_what_only_the_service_says_has_a_bug() -> None:
    async with one_rig() as rig:
        rig.told.say(lifecycle.cancelled("by myself"))
        assert (await failed(rig, (await rig.start()).id)).reason == "INTERNAL"


@in_virtual_time
async def test_a_producer_that_is_cancelled_from_within_does_not_leave_its_job_open() -> None:
    async with one_rig() as rig:
        rig.told.say_text("two ", "words")
        rig.told.say(asyncio.CancelledError())
        job = await rig.start()
        assert (await failed(rig, job.id)).reason == "INTERNAL"
        assert answer(await rig.state(job.id)) == "two words"


@in_virtual_time
async def test_an_answer_over_the_limit_ends_and_keeps_what_fitted() -> None:
    async with one_rig(max_answer_bytes=4096, flush_interval=timedelta()) as rig:
        job = await rig.start()
        rig.told.say(part_started())
        for _ in range(20):
            rig.told.say(text("x" * 500))
            await asyncio.sleep(0.01)
        error = await failed(rig, job.id)
        assert error.reason == "LIMIT_EXCEEDED"
        assert error.metadata["limit"] == "max_answer_bytes"
        assert 2000 <= len(answer(await rig.state(job.id))) <= 4096
        assert rig.told.closed == 1


@in_virtual_time
async def test_an_event_over_the_limit_ends_the_job() -> None:
    async with one_rig(max_event_bytes=4096) as rig:
        rig.told.say_text("x" * 5000)
        error = await failed(rig, (await rig.start()).id)
        assert error.metadata["limit"] == "max_event_bytes"
        assert rig.told.closed == 1
