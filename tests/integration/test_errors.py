"""Every refusal over the wire: a reason, the field, every value that the message names, and nothing started."""

from __future__ import annotations

import logging
import re
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from streamsvc.producers.scripted import Scripted
from streamsvc.v1 import content_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import Refusal, all_of, refused, stub_of
from tests.support.events import scripted
from tests.support.producers import SECRET, STOP, Buggy, Told
from tests.support.service import app

pytestmark = pytest.mark.asyncio(loop_scope="session")

MIB = 1024 * 1024
MESSAGE = content_pb2.ChatMessage(
    role=content_pb2.ROLE_USER, parts=[content_pb2.ContentPart(text=content_pb2.TextPart(text="hello"))]
)
Start = pb.StartGenerationRequest


class Nameless(Told):
    """A producer without a default model."""

    default_model = ""


def extra(json: str) -> Start:
    return Start(prompt="p", parameters=pb.GenerationParameters(extra_json=json))


BAD_STARTS: list[tuple[Start, str, str]] = [
    (Start(), "messages", "FIELD_INVALID"),
    (Start(prompt="p", messages=[MESSAGE]), "prompt", "FIELD_INVALID"),
    (Start(prompt="p", producer="nobody"), "producer", "PRODUCER_UNKNOWN"),
    (Start(prompt="p", model="m" * 257), "model", "FIELD_INVALID"),
    (Start(prompt="p", producer="nameless"), "model", "MODEL_UNKNOWN"),
    (extra("[1, 2]"), "parameters.extra_json", "FIELD_INVALID"),
    (extra("nonsense"), "parameters.extra_json", "FIELD_INVALID"),
    (extra('{"tokens": -1}'), "parameters.extra_json", "FIELD_INVALID"),
    (Start(prompt="p" * (MIB + 1)), "request", "FIELD_INVALID"),
    (Start(prompt="p", retention=Duration(seconds=5), request_id="r" * 129), "request_id", "FIELD_INVALID"),
]


def check(refusal: Refusal, code: str, reason: str) -> None:
    """Check what every refusal has in common."""
    assert (refusal.code, refusal.reason, refusal.domain) == (code, reason, "streamsvc")
    assert refusal.message
    assert "\n" not in refusal.message
    for number in re.findall(r"\b\d{3,}\b", refusal.message):
        assert number in " ".join(refusal.metadata.values()), f"{number} of the message is not in the metadata"
    assert (refusal.retry_seconds is not None) == (code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED"))


@pytest.mark.parametrize(("request_", "field", "reason"), BAD_STARTS)
async def test_a_start_that_makes_no_sense_is_refused_and_nothing_is_started(
    request_: Start, field: str, reason: str
) -> None:
    told, nameless = Told(), Nameless("nameless")
    async with (
        app({"scripted": Scripted(), "told": told, "nameless": nameless}) as (running, address),
        stub_of(address) as stub,
    ):
        refusal = await refused(stub.StartGeneration(request_))
        check(refusal, "INVALID_ARGUMENT", reason)
        assert refusal.field == field
        assert refusal.metadata["field"] == field
        assert running.jobs.running == 0
        assert told.begun == nameless.begun == []
        assert (await stub.ListJobs(pb.ListJobsRequest())).jobs == []


async def test_an_unknown_producer_names_those_that_are_known() -> None:
    async with app({"told": Told(), "other": Told("other")}) as (_, address), stub_of(address) as stub:
        refusal = await refused(stub.StartGeneration(Start(prompt="p", producer="nobody")))
        assert refusal.metadata["known"] == "told, other"
        assert "told, other" in refusal.message


async def test_a_request_id_that_belongs_to_another_request_is_refused() -> None:
    async with app() as (_, address), stub_of(address) as stub:
        job = (await stub.StartGeneration(Start(prompt="p", request_id="r1"))).job
        refusal = await refused(stub.StartGeneration(Start(prompt="another", request_id="r1")))
        check(refusal, "ALREADY_EXISTS", "REQUEST_ID_REUSED")
        assert refusal.metadata["job_id"] == job.id
        assert len((await stub.ListJobs(pb.ListJobsRequest())).jobs) == 1


async def test_an_owner_that_is_not_the_caller_needs_a_scope() -> None:
    async with app() as (running, address), stub_of(address) as stub:
        refusal = await refused(stub.StartGeneration(Start(prompt="p", owner="ada")))
        check(refusal, "PERMISSION_DENIED", "SCOPE_MISSING")
        assert refusal.metadata["scope"] == "jobs.act_for_others"
        assert running.jobs.running == 0


BAD_STREAMS = [
    (pb.StreamJobRequest(job_id="my-job"), "job_id"),
    (pb.StreamJobRequest(), "job_id"),
    (pb.StreamJobRequest(job_id="0" * 32, after_offset=-1), "after_offset"),
    (pb.StreamJobRequest(job_id="0" * 32, epoch="e" * 129), "epoch"),
]


@pytest.mark.parametrize(("request_", "field"), BAD_STREAMS)
async def test_a_stream_that_makes_no_sense_is_refused(request_: pb.StreamJobRequest, field: str) -> None:
    async with app() as (_, address), stub_of(address) as stub:
        refusal = await refused(all_of(stub.StreamJob(request_)))
        check(refusal, "INVALID_ARGUMENT", "FIELD_INVALID")
        assert refusal.field == field


@pytest.mark.parametrize("job_id", ["my-job", "", "0" * 31 + "X"])
async def test_a_malformed_job_id_is_refused_everywhere(job_id: str) -> None:
    async with app() as (_, address), stub_of(address) as stub:
        for call in (
            stub.GetJobState(pb.GetJobStateRequest(job_id=job_id)),
            stub.CancelJob(pb.CancelJobRequest(job_id=job_id)),
            stub.DeleteJob(pb.DeleteJobRequest(job_id=job_id)),
        ):
            refusal = await refused(call)
            check(refusal, "INVALID_ARGUMENT", "FIELD_INVALID")
            assert refusal.field == "job_id"


async def test_a_job_that_nobody_knows_is_not_found_everywhere() -> None:
    job_id = "0" * 32
    async with app() as (_, address), stub_of(address) as stub:
        for call in (
            stub.GetJobState(pb.GetJobStateRequest(job_id=job_id)),
            stub.CancelJob(pb.CancelJobRequest(job_id=job_id)),
            all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job_id))),
        ):
            refusal = await refused(call)
            check(refusal, "NOT_FOUND", "JOB_NOT_FOUND")
            assert refusal.metadata["job_id"] == job_id


async def test_a_request_that_is_too_large_is_refused_up_to_four_times_the_limit() -> None:
    async with app(max_request_bytes=2048) as (_, address), stub_of(address) as stub:
        refusal = await refused(stub.StartGeneration(Start(prompt="p" * 4000)))
        check(refusal, "INVALID_ARGUMENT", "FIELD_INVALID")
        assert int(refusal.metadata["bytes"]) > int(refusal.metadata["limit"]) == 2048
        far_over = await refused(stub.StartGeneration(Start(prompt="p" * 100_000)))
        assert far_over.code == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("seconds", [-5, 0, 3600, 2**40])
async def test_a_heartbeat_interval_out_of_bounds_is_no_error(seconds: int) -> None:
    async with app() as (_, address), stub_of(address) as stub:
        job = (await stub.StartGeneration(scripted(tokens=3, rate=0))).job
        request = pb.StreamJobRequest(job_id=job.id, heartbeat_interval=Duration(seconds=seconds))
        responses = await all_of(stub.StreamJob(request))
        assert responses[-1].closed


@pytest.mark.parametrize("epoch", ["", "unknown"])
async def test_an_offset_of_an_unknown_epoch_gets_a_snapshot_and_no_error(epoch: str) -> None:
    async with app() as (_, address), stub_of(address) as stub:
        job = (await stub.StartGeneration(scripted(tokens=3, rate=0))).job
        whole = await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id)))
        request = pb.StreamJobRequest(job_id=job.id, after_offset=2, epoch=epoch)
        responses = await all_of(stub.StreamJob(request))
        assert [response.HasField("snapshot") for response in responses].count(True) == 1
        assert not any(response.events for response in responses)
        assert responses[-1].last_offset == whole[-1].last_offset


async def test_a_state_that_is_too_large_is_refused_and_the_snapshot_is_not() -> None:
    told = Told()
    told.say_text(*["x" * 500_000] * 7)
    told.say(STOP)
    async with app({"told": told}) as (_, address), stub_of(address) as stub:
        job = (await stub.StartGeneration(Start(prompt="p"))).job
        await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id)))
        refusal = await refused(stub.GetJobState(pb.GetJobStateRequest(job_id=job.id)))
        check(refusal, "FAILED_PRECONDITION", "STATE_TOO_LARGE")
        assert int(refusal.metadata["bytes"]) > 3 * MIB
        request = pb.StreamJobRequest(job_id=job.id, catch_up=pb.CATCH_UP_MODE_SNAPSHOT)
        slices = [response for response in await all_of(stub.StreamJob(request)) if response.HasField("snapshot")]
        assert sum(response.ByteSize() for response in slices) > 3 * MIB


async def test_a_store_that_is_full_says_when_to_come_again() -> None:
    told = Told()
    async with app({"told": told}, max_store_bytes=500_000) as (_, address), stub_of(address) as stub:
        await stub.StartGeneration(Start(prompt="p" * 150_000))
        refusal = await refused(stub.StartGeneration(Start(prompt="p" * 150_000)))
        check(refusal, "RESOURCE_EXHAUSTED", "OVERLOADED")
        assert refusal.retry_seconds is not None
        assert 0.5 <= refusal.retry_seconds <= 1.5


async def test_a_method_that_is_not_there_is_unimplemented() -> None:
    async with app() as (_, address), grpc.aio.insecure_channel(address) as channel:
        for method in ("/streamsvc.v1.JobService/Nothing", "/streamsvc.v1.ProducerService/ClaimJob"):
            call: Any = channel.unary_unary(method)
            assert (await refused(call(b""))).code == "UNIMPLEMENTED"


async def test_a_bug_leaks_nothing_but_an_incident(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Told):
        def check(self, request: Start) -> None:
            raise ValueError(f"cannot understand {request.messages[0].parts[0].text.text}")

    with caplog.at_level(logging.DEBUG):
        async with app({"broken": Broken("broken"), "buggy": Buggy()}) as (_, address), stub_of(address) as stub:
            refusal = await refused(stub.StartGeneration(Start(prompt=SECRET)))
            check(refusal, "INTERNAL", "INTERNAL")
            job = (await stub.StartGeneration(Start(prompt=SECRET, producer="buggy"))).job
            responses = await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id)))
    error = responses[-1].events[-1].job_failed.error
    assert error.reason == "INTERNAL"
    for incident in (refusal.metadata["incident"], error.metadata["incident"]):
        assert incident in caplog.text
    assert SECRET not in caplog.text + refusal.message + error.message
