"""A service that is told to stop: readers get to the final event, nobody hangs, and a second word is final."""

from __future__ import annotations

import asyncio
import signal

import pytest
from grpc_health.v1 import health_pb2

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import all_of, refused, stub_of
from tests.support.events import FINAL, answer, kinds, scripted
from tests.support.following import Follower, folded_items
from tests.support.service import Service, client_of, health

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def test_a_stop_lets_jobs_and_readers_come_to_their_end_and_takes_no_new_ones() -> None:
    async with await Service.start() as service, client_of(service.address) as client:
        job = await client.start_request(scripted(tokens=60, rate=40, pattern="count"))
        followers = [Follower(client, job.id, f"reader {number}") for number in range(3)]
        await followers[0].until(lambda record: "text_delta" in kinds(record.events))
        async with stub_of(service.address) as stub:
            assert await health(service.address) == SERVING
            service.signal(signal.SIGTERM)
            await service.logged("stopping: 1 jobs are running")
            for name, status in (("", NOT_SERVING), ("streamsvc.v1.JobService", NOT_SERVING), ("live", SERVING)):
                assert await health(service.address, name) == status
            refusal = await refused(stub.StartGeneration(scripted()))
            assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "SERVER_DRAINING")
            assert refusal.retry_seconds is not None
            late = await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id)))
            assert late[-1].closed
        for follower in followers:
            record = await follower.done()
            assert answer(folded_items(record.items)) == "".join(f"{number} " for number in range(60))
            assert record.reconnects == 0
        assert await service.ended() == 0
        assert "Traceback" not in service.text


async def test_those_who_watch_jobs_are_told_when_the_last_one_has_ended() -> None:
    settings = {"drain_readers_grace": "200ms"}
    async with await Service.start(settings) as service, stub_of(service.address) as stub:
        await stub.StartGeneration(scripted(tokens=20, rate=40))
        watching = stub.WatchJobs(pb.WatchJobsRequest())
        await watching.read()
        service.signal(signal.SIGTERM)
        told = await refused(all_of(watching))
        assert (told.code, told.reason) == ("UNAVAILABLE", "SERVER_DRAINING")
        assert told.retry_seconds is not None
        assert await service.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_jobs_that_do_not_end_in_time_are_ended_and_their_readers_are_told(number: signal.Signals) -> None:
    async with await Service.start({"drain_jobs_grace": "200ms"}) as service, client_of(service.address) as client:
        job = await client.start_request(scripted(tokens=100, rate=0, hang_after=10, pattern="count"))
        follower = Follower(client, job.id, "reader")
        await follower.until(lambda record: "text_delta" in kinds(record.events))
        service.signal(number)
        record = await follower.done()
        assert [kind for kind in kinds(record.events) if kind in FINAL] == ["job_failed"]
        assert record.events[-1].job_failed.error.reason == "SERVER_STOPPED"
        assert answer(folded_items(record.items)) == "0 1 2 3 4 5 6 7 8 9 "
        assert await service.ended() == 0
        assert "Traceback" not in service.text


async def test_a_second_signal_ends_the_service_at_once() -> None:
    loop = asyncio.get_running_loop()
    async with await Service.start({"drain_jobs_grace": "10m"}) as service, client_of(service.address) as client:
        job = await client.start_request(scripted(hang_after=0))
        follower = Follower(client, job.id, "reader")
        await follower.until(lambda record: bool(record.items))
        service.signal(signal.SIGTERM)
        await service.logged("stopping: 1 jobs")
        began = loop.time()
        service.signal(signal.SIGTERM)
        assert await service.ended() == 0
        assert loop.time() - began < 3
        assert "Traceback" not in service.text
        await follower.leave()


async def test_an_idle_service_stops_at_once() -> None:
    loop = asyncio.get_running_loop()
    async with await Service.start() as service:
        began = loop.time()
        assert await service.stop() == 0
        assert loop.time() - began < 3
        assert "Traceback" not in service.text
        assert "stopped" in service.text
