"""Starting, following, asking and cancelling over a real socket, with any gRPC client's own stubs."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration

from streamsvc.v1 import content_pb2, job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import all_of, stub_of
from tests.support.checker import comparable
from tests.support.events import FINAL, Event, answer, kinds, scripted
from tests.support.folding import folded
from tests.support.producers import STOP, Told
from tests.support.service import app

pytestmark = pytest.mark.asyncio(loop_scope="session")


def events_of(responses: list[pb.StreamJobResponse]) -> list[Event]:
    return [event for response in responses for event in response.events]


async def test_a_job_is_started_followed_and_asked_for() -> None:
    async with app() as (_, address), stub_of(address) as stub:
        started = await stub.StartGeneration(scripted(tokens=200, rate=0, pattern="count", rich=True))
        assert started.job.status == job_pb2.JOB_STATUS_PENDING
        assert (started.job.producer, started.job.model) == ("scripted", "scripted")
        responses = await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=started.job.id)))
        events = events_of(responses)
        assert [event.offset for event in events] == list(range(1, len(events) + 1))
        assert kinds(events)[:2] == ["job_created", "job_started"]
        assert [kind for kind in kinds(events) if kind in FINAL] == [kinds(events)[-1]] == ["job_completed"]
        assert responses[-1].closed
        assert responses[-1].last_offset == len(events)
        state = (await stub.GetJobState(pb.GetJobStateRequest(job_id=started.job.id))).state
        assert comparable(state) == comparable(folded(events))
        assert answer(state) == "".join(f"{number} " for number in range(200))


async def test_a_request_says_everything_about_its_job() -> None:
    messages = [
        content_pb2.ChatMessage(
            role=role, parts=[content_pb2.ContentPart(text=content_pb2.TextPart(text=words))], id=words
        )
        for role, words in ((content_pb2.ROLE_SYSTEM, "be brief"), (content_pb2.ROLE_USER, "why?"))
    ]
    request = pb.StartGenerationRequest(
        messages=messages,
        model="large",
        conversation_id="c1",
        labels={"k": "v"},
        retention=Duration(seconds=90),
        previous_job_id="0" * 32,
    )
    async with app() as (_, address), stub_of(address) as stub:
        job = (await stub.StartGeneration(request)).job
        state = (await stub.GetJobState(pb.GetJobStateRequest(job_id=job.id))).state
        assert (job.model, job.conversation_id, dict(job.labels)) == ("large", "c1", {"k": "v"})
        assert (job.retention.seconds, job.previous_job_id, job.owner) == (90, "0" * 32, "anonymous")
        assert [message.id for message in state.input] == ["why?"]


async def test_a_hundred_repeats_at_once_start_one_job() -> None:
    async with app() as (running, address), stub_of(address) as stub:
        request = scripted(tokens=20, rate=0)
        request.request_id = "r1"
        answers = await asyncio.gather(*[stub.StartGeneration(request) for _ in range(100)])
        assert len({answer.job.id for answer in answers}) == 1
        assert running.jobs.running <= 1
        other = scripted(tokens=20, rate=0)
        other.request_id = "r2"
        assert (await stub.StartGeneration(other)).job.id != answers[0].job.id
        responses = await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=answers[0].job.id)))
        assert kinds(events_of(responses)).count("job_started") == 1


async def test_a_repeat_finds_a_job_that_has_ended() -> None:
    async with app() as (_, address), stub_of(address) as stub:
        request = scripted(tokens=2, rate=0)
        request.request_id = "r1"
        job = (await stub.StartGeneration(request)).job
        await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id)))
        again = (await stub.StartGeneration(request)).job
        assert (again.id, again.status) == (job.id, job_pb2.JOB_STATUS_COMPLETED)


async def test_without_a_request_id_every_start_is_a_job_of_its_own() -> None:
    async with app() as (_, address), stub_of(address) as stub:
        jobs = [(await stub.StartGeneration(scripted(tokens=1))).job.id for _ in range(5)]
        assert len(set(jobs)) == 5


async def test_heartbeats_come_from_the_beginning_before_the_first_token_too() -> None:
    async with app() as (_, address), stub_of(address) as stub:
        job = (await stub.StartGeneration(scripted(hang_after=0))).job
        call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id, heartbeat_interval=Duration(seconds=1)))
        loop = asyncio.get_running_loop()
        silences, heard = [], loop.time()
        beats = 0
        while beats < 2:
            response = await asyncio.wait_for(call.read(), 2)
            assert isinstance(response, pb.StreamJobResponse)
            silences.append(loop.time() - heard)
            heard = loop.time()
            beats += not response.events
        assert silences[0] < 0.5
        call.cancel()


async def test_a_cancelled_job_closes_its_upstream_and_keeps_what_was_said() -> None:
    told = Told()
    async with app({"told": told}) as (_, address), stub_of(address) as stub:
        job = (await stub.StartGeneration(pb.StartGenerationRequest(prompt="why?"))).job
        told.say_text("two ", "words")
        call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
        seen: list[pb.StreamJobResponse] = []
        while "words" not in str(seen):
            response = await asyncio.wait_for(call.read(), 5)
            assert isinstance(response, pb.StreamJobResponse)
            seen.append(response)
        asked = await stub.CancelJob(pb.CancelJobRequest(job_id=job.id, reason="enough"))
        assert asked.job.status == job_pb2.JOB_STATUS_RUNNING
        rest = await asyncio.wait_for(all_of(call), 5)
        events = events_of([*seen, *rest])
        assert events[-1].job_cancelled.reason == "enough"
        assert told.closed == 1
        state = (await stub.GetJobState(pb.GetJobStateRequest(job_id=job.id))).state
        assert (state.job.status, answer(state)) == (job_pb2.JOB_STATUS_CANCELLED, "two words")
        ended = await stub.CancelJob(pb.CancelJobRequest(job_id=job.id, reason="again"))
        assert ended.job.status == job_pb2.JOB_STATUS_CANCELLED


async def test_cancel_against_completion_at_the_same_moment_leaves_one_final_event() -> None:
    told = Told()
    async with app({"told": told}) as (_, address), stub_of(address) as stub:
        ends = set()
        for number in range(60):
            job = (await stub.StartGeneration(pb.StartGenerationRequest(prompt="why?"))).job
            call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
            cancel = pb.CancelJobRequest(job_id=job.id)
            if number % 2:
                cancelling = asyncio.ensure_future(stub.CancelJob(cancel))
                told.say(STOP)
            else:
                told.say(STOP)
                cancelling = asyncio.ensure_future(stub.CancelJob(cancel))
            responses, _ = await asyncio.gather(all_of(call), cancelling)
            events = events_of(responses)
            final = [kind for kind in kinds(events) if kind in FINAL]
            assert len(final) == 1
            assert kinds(events)[-1] == final[0]
            ends.add(final[0])
            told.forget()
        assert ends <= {"job_completed", "job_cancelled"}


async def test_a_start_whose_caller_leaves_is_done_whole() -> None:
    async with app() as (running, address), stub_of(address) as stub:
        request = scripted(tokens=5, rate=0)
        for number in range(20):
            request.request_id = f"r{number}"
            call = stub.StartGeneration(request)
            if number % 2:
                await asyncio.sleep(0)
            call.cancel()
        for number in range(20):
            request.request_id = f"r{number}"
            job = (await stub.StartGeneration(request)).job
            responses = await asyncio.wait_for(all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id))), 5)
            assert responses[-1].closed
        assert running.jobs.running == 0


async def test_a_long_running_job_outlives_many_leases() -> None:
    async with app(lease_ttl=timedelta(milliseconds=500)) as (_, address), stub_of(address) as stub:
        job = (await stub.StartGeneration(scripted(tokens=5, rate=2))).job
        responses = await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id)))
        events = events_of(responses)
        assert "job_resumed" not in kinds(events)
        assert kinds(events)[-1] == "job_completed"
