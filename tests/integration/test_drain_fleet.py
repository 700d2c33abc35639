"""Instances on one Redis that are told to stop: their jobs and readers go on at others, and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Any

import pytest
from grpc_health.v1 import health_pb2

from streamsvc.v1 import event_pb2, job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import all_of, refused, stub_of
from tests.support.events import answer, kinds, scripted
from tests.support.fleet import Instance, fleet
from tests.support.following import Follower, folded_items, obey, whole
from tests.support.redis_servers import shared
from tests.support.service import client_of, health

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUICK: dict[str, Any] = {"drain_readers_grace": "400ms", "drain_jobs_grace": "800ms"}


def counted(tokens: int) -> str:
    """Return what a job says that counts so far."""
    return "".join(f"{number} " for number in range(tokens))


def losses(instance: Instance, job: job_pb2.Job) -> int:
    """Return how many writers a job has lost, as the store counts them."""
    return int(shared().command("HGET", f"{instance.prefix}:{{{job.id}}}:job", "losses"))


def hand_over(events: Sequence[event_pb2.Event]) -> tuple[str, float]:
    """Return why a job was taken over, and how many seconds lie between the event before that and after it."""
    (place,) = [place for place, kind in enumerate(kinds(events)) if kind == "job_resumed"]
    before, after = (events[found].create_time.ToMilliseconds() for found in (place - 1, place))
    return events[place].job_resumed.reason, (after - before) / 1000


async def test_a_job_that_outlasts_the_grace_goes_on_at_another_instance_at_once() -> None:
    async with (
        fleet(*2 * [shared().uri], flush_interval="0", lease_ttl="10s", **QUICK) as (first, second),
        client_of(first.address, second.address) as both,
        client_of(second.address) as other,
    ):
        job = await both.start_request(scripted(tokens=150, rate=50, pattern="count"))
        request = scripted(tokens=150, rate=50)
        request.recovery = pb.RECOVERY_POLICY_FAIL
        failing = await both.start_request(request)
        followers = [Follower(client, job.id, name) for client, name in ((both, "moved"), (other, "other"))]
        await followers[1].until(lambda record: "text_delta" in kinds(record.events))
        assert await first.terminate() == 0
        state = await obey(other, job.id, followers)
        assert answer(state) == counted(150)
        reason, seconds = hand_over(followers[1].record.events)
        print(f"the hand-over took {seconds:.3f} s")  # noqa: T201
        assert reason == "HANDED_OVER"
        assert seconds < 2  # some milliseconds on a machine that is idle, and no lease on one that is not
        assert losses(second, job) == 0
        assert followers[0].record.reconnects == 1
        (*_, final) = await whole(other, failing.id)
        assert final.job_failed.error.reason == "SERVER_STOPPED"


async def test_readers_are_sent_elsewhere_while_the_job_goes_on_where_it_is() -> None:
    settings: dict[str, Any] = {"drain_readers_grace": "400ms", "drain_jobs_grace": "1m"}
    async with (
        fleet(*2 * [shared().uri], **settings) as (first, second),
        client_of(first.address, second.address) as client,
        stub_of(first.address) as stub,
    ):
        job = await client.start_request(scripted(tokens=100, rate=50, hang_after=100, pattern="count"))
        followers = [Follower(client, job.id, f"reader {number}") for number in range(5)]
        streams: list[Any] = [stub.StreamJob(pb.StreamJobRequest(job_id=job.id)), stub.WatchJobs(pb.WatchJobsRequest())]
        await asyncio.gather(*[stream.read() for stream in streams])
        await followers[0].until(lambda record: "text_delta" in kinds(record.events))
        first.service.signal(signal.SIGTERM)
        await first.service.logged("stopping: 1 jobs are running")
        assert await health(first.address) == health_pb2.HealthCheckResponse.NOT_SERVING
        for call in (stub.StartGeneration(scripted()), all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id)))):
            told = await refused(call)
            assert (told.code, told.reason) == ("UNAVAILABLE", "SERVER_DRAINING")
            assert 0.5 <= (told.retry_seconds or 0) <= 1.5
        for stream in streams:
            told = await refused(all_of(stream))
            assert (told.code, told.reason) == ("UNAVAILABLE", "SERVER_DRAINING")
            assert 0.1 <= (told.retry_seconds or 0) <= 0.3
        assert (await stub.GetJobState(pb.GetJobStateRequest(job_id=job.id))).state.job.id == job.id
        for follower in followers:
            await follower.until(lambda record: answer(folded_items(record.items)) == counted(100))
        await client.cancel(job.id)
        state = await obey(client, job.id, followers)
        assert answer(state) == counted(100)
        assert "job_resumed" not in kinds(followers[0].record.events)
        assert {follower.record.reconnects for follower in followers} == {1}
        assert await first.service.ended() == 0


async def test_a_second_signal_ends_an_instance_at_once_and_its_jobs_go_on_after_their_leases() -> None:
    async with (
        fleet(*2 * [shared().uri], drain_jobs_grace="10m") as (first, second),
        client_of(first.address, second.address) as client,
    ):
        job = await client.start_request(scripted(tokens=150, rate=50, pattern="count"))
        follower = Follower(client, job.id, "reader")
        await follower.until(lambda record: "text_delta" in kinds(record.events))
        first.service.signal(signal.SIGTERM)
        await first.service.logged("stopping: 1 jobs")
        first.service.signal(signal.SIGTERM)
        assert await first.service.ended() == 0
        state = await obey(client, job.id, [follower])
        assert answer(state) == counted(150)
        assert hand_over(follower.record.events)[0] == "LEASE_EXPIRED"
        assert losses(second, job) == 1


async def test_what_a_single_instance_gives_away_goes_on_as_soon_as_it_is_started_again() -> None:
    async with fleet(shared().uri, **QUICK) as (only,), client_of(only.address) as client:
        job = await client.start_request(scripted(tokens=150, rate=50, pattern="count"))
        follower = Follower(client, job.id, "reader")
        await follower.until(lambda record: "text_delta" in kinds(record.events))
        assert await only.terminate() == 0
        await only.start()
        state = await obey(client, job.id, [follower])
        assert answer(state) == counted(150)
        assert hand_over(follower.record.events)[0] == "HANDED_OVER"
        assert losses(only, job) == 0
