"""ProducerService call by call: what processes outside the service may do, again and again, and what each is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from streamsvc.v1 import content_pb2, job_pb2
from streamsvc.v1 import job_service_pb2 as jobs_pb
from streamsvc.v1 import producer_service_pb2 as pb
from tests.support.calls import refused, stub_of
from tests.support.checker import comparable
from tests.support.events import answer, kinds, part_started, text, title, usage
from tests.support.folding import folded
from tests.support.outside import AGENT, cancelled, completed, inside, publishing, seconds
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHORT = {"claim_grace": timedelta(milliseconds=500), "cancel_grace": timedelta(milliseconds=500)}


async def test_a_job_is_created_written_and_ended_by_another_process() -> None:
    said = content_pb2.ContentPart(text=content_pb2.TextPart(text="why?"))
    message = content_pb2.ChatMessage(role=content_pb2.ROLE_USER, parts=[said])
    async with inside() as service:
        made = await service.create(
            owner="anonymous", conversation_id="c", model="m", producer=AGENT, labels={"k": "v"}, input=[message]
        )
        job = made.job
        assert (job.status, job.producer, job.model, job.attempt) == (job_pb2.JOB_STATUS_RUNNING, AGENT, "m", 1)
        assert (job.conversation_id, dict(job.labels), job.last_offset) == ("c", {"k": "v"}, 2)
        assert (made.lease.fence, made.lease.epoch, made.lease.remaining.seconds) == (1, job.epoch, 1)
        assert not made.HasField("state")
        wrote = await service.publish(job.id, made.lease, 2, [part_started(), text("Hello "), text("world")])
        assert (wrote.last_offset, wrote.lease.fence) == (5, 1)
        await service.publish(job.id, made.lease, 5, [title("greeting"), usage(2), completed()])
        events = await service.events(job.id)
        assert kinds(events) == [
            *("job_created", "job_started", "part_started", "text_delta", "text_delta"),
            *("metadata_updated", "usage_updated", "job_completed"),
        ]
        state = await service.state(job.id)
        assert comparable(state) == comparable(folded(events))
        assert (answer(state), state.job.metadata["title"]) == ("Hello world", "greeting")
        assert (state.job.status, state.usage.output_tokens) == (job_pb2.JOB_STATUS_COMPLETED, 2)
        assert state.usage_entries[0].attempt == 1
        assert state.input == [message]


async def test_a_published_batch_that_is_repeated_is_stored_once() -> None:
    async with inside() as service:
        made = await service.create()
        job_id, lease = made.job.id, made.lease
        batches = [(2, [part_started(), text("a")]), (4, [text("b")]), (5, [text("c"), completed()])]
        for after, events in batches:
            answers = await asyncio.gather(*[service.publish(job_id, lease, after, events) for _ in range(5)])
            assert {wrote.last_offset for wrote in answers} == {after + len(events)}
        assert answer(await service.state(job_id)) == "abc"
        older = await refused(service.publish(job_id, lease, 4, [text("b")]))
        assert (older.code, older.reason) == ("FAILED_PRECONDITION", "LOG_CLOSED")


async def test_a_batch_at_another_place_is_refused_and_told_where_the_log_ends() -> None:
    async with inside() as service:
        made = await service.create()
        await service.publish(made.job.id, made.lease, 2, [part_started(), text("a")])
        for after in (2, 3, 9):
            wrong = await refused(service.publish(made.job.id, made.lease, after, [text("b")]))
            assert (wrong.code, wrong.reason, wrong.metadata["last_offset"]) == ("ABORTED", "OFFSET_MISMATCH", "4")
        assert answer(await service.state(made.job.id)) == "a"


async def test_a_repeated_create_finds_its_job_and_only_another_process_gets_another_lease() -> None:
    async with inside() as service:
        first = await service.create(request_id="r", writer_id="one")
        await service.publish(first.job.id, first.lease, 2, [part_started(), text("a")])
        same = await service.create(request_id="r", writer_id="one")
        assert (same.job.id, same.lease.fence, same.lease.epoch) == (first.job.id, 1, first.lease.epoch)
        assert answer(same.state) == "a"
        other = await service.create(request_id="r", writer_id="two")
        assert (other.job.id, other.lease.fence) == (first.job.id, 2)
        assert (other.state.job.attempt, other.job.last_offset) == (2, 5)
        lost = await refused(service.publish(first.job.id, first.lease, 4, [text("late")]))
        assert (lost.code, lost.reason) == ("FAILED_PRECONDITION", "LEASE_LOST")
        await service.publish(first.job.id, other.lease, 5, [text("b"), completed()])
        events = await service.events(first.job.id)
        assert kinds(events).count("job_resumed") == 1
        assert answer(await service.state(first.job.id)) == "ab"
        ended = await service.create(request_id="r", writer_id="three")
        assert (ended.job.status, ended.HasField("lease")) == (job_pb2.JOB_STATUS_COMPLETED, False)
        reused = await refused(service.create(request_id="r", model="another"))
        assert reused.reason == "REQUEST_ID_REUSED"


async def test_a_started_job_waits_for_whoever_claims_it_and_goes_on_with_the_next() -> None:
    async with inside() as service:
        job = await service.start(conversation_id="c")
        assert (job.status, job.producer, job.model) == (job_pb2.JOB_STATUS_PENDING, AGENT, AGENT)
        claim = pb.ClaimJobRequest(producer=AGENT, request_id="one")
        first = await service.producers.ClaimJob(claim)
        assert (first.state.job.id, first.request.prompt) == (job.id, "why?")
        assert kinds_of(first.state) == (job_pb2.JOB_STATUS_RUNNING, 1, 2)
        again = await service.producers.ClaimJob(claim)
        assert (again.lease.fence, again.lease.epoch, again.state.offset) == (first.lease.fence, first.lease.epoch, 2)
        held = await refused(service.producers.ClaimJob(pb.ClaimJobRequest(job_id=job.id)))
        assert (held.code, held.reason) == ("FAILED_PRECONDITION", "LEASE_HELD")
        await service.publish(job.id, first.lease, 2, [part_started(), text("half an ")])
        await service.producers.ReleaseLease(pb.ReleaseLeaseRequest(job_id=job.id, fence=first.lease.fence))
        second = await service.producers.ClaimJob(pb.ClaimJobRequest(job_id=job.id, producer=AGENT))
        assert second.lease.fence > first.lease.fence
        assert (answer(second.state), second.state.offset) == ("half an ", 5)
        await service.publish(job.id, second.lease, 5, [text("answer"), completed()])
        events = await service.events(job.id)
        assert [event.job_resumed.reason for event in events if event.HasField("job_resumed")] == ["HANDED_OVER"]
        assert answer(await service.state(job.id)) == "half an answer"
        closed = await refused(service.producers.ClaimJob(pb.ClaimJobRequest(job_id=job.id)))
        assert closed.reason == "LOG_CLOSED"


def kinds_of(state: object) -> tuple[int, int, int]:
    job = state.job  # type: ignore[attr-defined]
    return job.status, job.attempt, job.last_offset


async def test_a_claim_that_waits_gets_the_job_that_is_started_meanwhile_and_each_job_goes_to_one() -> None:
    async with inside() as service:
        assert not (await service.producers.ClaimJob(pb.ClaimJobRequest(producer=AGENT))).HasField("lease")
        claims = [
            asyncio.ensure_future(service.producers.ClaimJob(pb.ClaimJobRequest(producer=AGENT, wait=seconds(20))))
            for _ in range(5)
        ]
        jobs = [(await service.start()).id for _ in range(5)]
        claimed = await asyncio.gather(*claims)
        assert sorted(found.state.job.id for found in claimed) == sorted(jobs)


async def test_a_job_that_nobody_claims_fails_after_its_grace() -> None:
    async with inside(**SHORT) as service:
        started, created = await service.start(), (await service.create(claim_grace=seconds(0.3))).job
        for job in (started, created):
            events = await service.events(job.id)
            assert events[-1].job_failed.error.reason == "PRODUCER_LOST"
        assert (await service.state(started.id)).job.attempt == 0


async def test_a_job_whose_writer_is_gone_can_be_claimed_once_its_lease_has_run_out() -> None:
    async with inside() as service:
        made = await service.create(producer=AGENT)
        await service.publish(made.job.id, made.lease, 2, [part_started(), text("a")])
        claimed = await service.producers.ClaimJob(pb.ClaimJobRequest(producer=AGENT, wait=seconds(20)))
        assert (claimed.state.job.id, answer(claimed.state)) == (made.job.id, "a")
        await service.publish(made.job.id, claimed.lease, claimed.state.offset, [completed()])
        events = await service.events(made.job.id)
        assert [event.job_resumed.reason for event in events if event.HasField("job_resumed")] == ["LEASE_EXPIRED"]


async def test_renewals_keep_a_job_from_others() -> None:
    async with inside() as service:
        made = await service.create(producer=AGENT)
        renewal = pb.RenewLeaseRequest(job_id=made.job.id, fence=1, last_offset=2, wait=seconds(0.4))
        claiming = service.producers.ClaimJob(pb.ClaimJobRequest(producer=AGENT, wait=seconds(3)))
        claim = asyncio.ensure_future(claiming)
        while not claim.done():
            assert not (await service.producers.RenewLease(renewal)).lease.cancel_requested
        assert not (await claim).HasField("lease")


async def test_a_renewal_that_waits_hears_of_a_cancel_at_once() -> None:
    async with inside(**SHORT) as service:
        made = await service.create(lease_duration=seconds(60))
        renewal = pb.RenewLeaseRequest(job_id=made.job.id, fence=1, last_offset=2, wait=seconds(30))
        waiting = asyncio.ensure_future(service.producers.RenewLease(renewal))
        await eventually(lambda: len(service.app.jobs.writers._cancels))
        await service.jobs.CancelJob(jobs_pb.CancelJobRequest(job_id=made.job.id, reason="enough"))
        async with asyncio.timeout(10):
            lease = (await waiting).lease
        assert lease.remaining.seconds == 60
        assert (lease.cancel_requested, lease.cancel_reason) == (True, "enough")
        await service.publish(made.job.id, made.lease, 2, [cancelled("enough")])
        assert kinds(await service.events(made.job.id)) == ["job_created", "job_started", "job_cancelled"]


async def test_a_cancelled_job_that_waits_ends_at_once() -> None:
    async with inside(reaper_interval=timedelta(seconds=30)) as service:
        job = await service.start()
        await service.jobs.CancelJob(jobs_pb.CancelJobRequest(job_id=job.id, reason="enough"))
        events = await service.events(job.id)
        assert kinds(events) == ["job_created", "job_cancelled"]
        assert events[-1].job_cancelled.reason == "enough"


async def test_a_writer_that_does_not_answer_a_cancel_is_fenced_and_the_job_is_cancelled() -> None:
    async with inside(**SHORT) as service:
        made = await service.create()
        await service.jobs.CancelJob(jobs_pb.CancelJobRequest(job_id=made.job.id, reason="enough"))
        reading = asyncio.ensure_future(service.events(made.job.id))
        renewal = pb.RenewLeaseRequest(job_id=made.job.id, fence=1, last_offset=2)
        while not reading.done():
            refusal = await asyncio.gather(service.producers.RenewLease(renewal), return_exceptions=True)
            if isinstance(refusal[0], Exception):
                break
        assert kinds(await reading) == ["job_created", "job_started", "job_cancelled"]
        lost = await refused(service.producers.RenewLease(renewal))
        assert lost.reason in ("LEASE_LOST", "LOG_CLOSED")


async def test_a_conversation_has_one_running_job_also_among_those_of_others() -> None:
    async with inside() as service:
        reject, replace = jobs_pb.CONCURRENCY_POLICY_REJECT, jobs_pb.CONCURRENCY_POLICY_REPLACE
        first = await service.create(conversation_id="c", concurrency=reject)
        busy = await refused(service.create(conversation_id="c", concurrency=reject))
        assert (busy.reason, busy.metadata["job_id"]) == ("CONVERSATION_BUSY", first.job.id)
        await service.publish(first.job.id, first.lease, 2, [completed()])
        second = await service.start(conversation_id="c", concurrency=reject)
        third = await service.create(conversation_id="c", concurrency=replace)
        assert third.job.status == job_pb2.JOB_STATUS_RUNNING
        assert (await service.state(second.id)).job.status == job_pb2.JOB_STATUS_CANCELLED


@pytest.mark.parametrize("recovery", ["RESTART", "FAIL", "CONTINUE"])
async def test_a_started_job_whose_worker_is_lost_goes_on_by_its_policy(recovery: str) -> None:
    policy = jobs_pb.RecoveryPolicy.Value(f"RECOVERY_POLICY_{recovery}")
    async with inside() as service:
        job = await service.start(recovery=policy)
        first = await service.producers.ClaimJob(pb.ClaimJobRequest(producer=AGENT))
        await service.publish(job.id, first.lease, 2, [part_started(), text("a")])
        claim = pb.ClaimJobRequest(producer=AGENT, wait=seconds(5 if recovery != "FAIL" else 2.5))
        second = await service.producers.ClaimJob(claim)
        if recovery == "FAIL":
            assert not second.HasField("lease")
            assert (await service.events(job.id))[-1].job_failed.error.reason == "PRODUCER_LOST"
            return
        assert answer(second.state) == ("a" if recovery == "CONTINUE" else "")
        assert len(second.state.parts) == (recovery == "CONTINUE")


async def test_jobs_of_the_service_are_not_for_others() -> None:
    async with inside() as service:
        job = await service.start(producer="scripted")
        for call in (
            service.producers.ClaimJob(pb.ClaimJobRequest(job_id=job.id)),
            service.producers.RenewLease(pb.RenewLeaseRequest(job_id=job.id, fence=1)),
            service.producers.ReleaseLease(pb.ReleaseLeaseRequest(job_id=job.id, fence=1)),
            service.publish(job.id, pb.Lease(fence=1, epoch=job.epoch), 2, [completed()]),
        ):
            refusal = await refused(call)
            assert (refusal.reason, refusal.field) == ("FIELD_INVALID", "job_id")


async def test_an_instance_that_stops_refuses_all_calls_and_ends_those_that_wait() -> None:
    async with inside() as service:
        made = await service.create()
        renewal = pb.RenewLeaseRequest(job_id=made.job.id, fence=1, last_offset=2, wait=seconds(30))
        waiting = [
            asyncio.ensure_future(service.producers.RenewLease(renewal)),
            asyncio.ensure_future(service.producers.ClaimJob(pb.ClaimJobRequest(producer=AGENT, wait=seconds(30)))),
        ]
        writers = service.app.jobs.writers
        await eventually(lambda: len(writers._cancels) and len(writers._arrivals))
        service.app.jobs.writers.drain()
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert not isinstance(outcome, asyncio.CancelledError)
        refusal = await refused(service.publish(made.job.id, made.lease, 2, [completed()]))
        assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "SERVER_DRAINING")
        assert refusal.retry_seconds is not None


async def test_the_edge_does_not_know_the_service_for_producers() -> None:
    async with inside() as service, stub_of(service.app.internal_address) as jobs:
        assert (await refused(jobs.StartGeneration(jobs_pb.StartGenerationRequest(prompt="x")))).code == "UNIMPLEMENTED"


async def test_a_job_that_is_not_there_is_not_found() -> None:
    async with inside() as service:
        lease = pb.Lease(fence=1, epoch="e")
        refusal = await refused(service.producers.PublishEvents(publishing("0" * 32, lease, 0, [completed()])))
        assert refusal.reason == "JOB_NOT_FOUND"


async def test_a_claim_whose_caller_has_left_takes_no_job() -> None:
    async with inside(lease_ttl=timedelta(seconds=60)) as service:
        waiting = service.producers.ClaimJob(pb.ClaimJobRequest(producer=AGENT, wait=seconds(60)))
        arrivals = service.app.jobs.writers._arrivals
        await eventually(lambda: len(arrivals))
        waiting.cancel()
        await eventually(waiting.done)
        job = await service.start()
        claimed = await service.producers.ClaimJob(pb.ClaimJobRequest(producer=AGENT, wait=seconds(10)))
        assert claimed.state.job.id == job.id
