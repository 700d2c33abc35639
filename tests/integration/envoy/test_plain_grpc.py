"""Plain gRPC through the same listeners: errors, sizes, what is not there, TLS, and a log without content."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2

from streamsvc.v1 import job_service_pb2 as pb
from streamsvc.v1 import job_service_pb2_grpc, producer_service_pb2, producer_service_pb2_grpc
from tests.integration.envoy.conftest import Edge
from tests.support.calls import all_of, refused, stub_of
from tests.support.events import answer, scripted
from tests.support.service import LIMIT, client_of, health
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

MIB = 1024**2


async def test_errors_come_with_their_details(edge: Edge) -> None:
    async with stub_of(edge.envoy.address) as stub:
        refusal = await refused(stub.StartGeneration(pb.StartGenerationRequest(model="m")))
    assert (refusal.code, refusal.reason, refusal.field) == ("INVALID_ARGUMENT", "FIELD_INVALID", "messages")


async def test_a_request_that_is_too_large_for_the_service_gets_its_error(edge: Edge) -> None:
    async with stub_of(edge.envoy.address) as stub:
        refusal = await refused(stub.StartGeneration(pb.StartGenerationRequest(prompt="x" * 3 * MIB), timeout=LIMIT))
    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "FIELD_INVALID")
    assert "max_request_bytes" in refusal.message


async def test_a_request_that_is_too_large_for_envoy_is_told_so(edge: Edge) -> None:
    async with stub_of(edge.envoy.address) as stub:
        refusal = await refused(stub.StartGeneration(pb.StartGenerationRequest(prompt="x" * 5 * MIB), timeout=LIMIT))
    assert refusal.code == "RESOURCE_EXHAUSTED"
    assert "larger than" in refusal.message


async def test_the_health_is_told(edge: Edge) -> None:
    assert await health(edge.envoy.address) == health_pb2.HealthCheckResponse.SERVING


async def test_producers_cannot_be_reached(edge: Edge) -> None:
    async with grpc.aio.insecure_channel(edge.envoy.address) as channel:
        stub: producer_service_pb2_grpc.ProducerServiceAsyncStub = producer_service_pb2_grpc.ProducerServiceStub(
            channel
        )
        refusal = await refused(stub.ClaimJob(producer_service_pb2.ClaimJobRequest(), timeout=LIMIT))
    assert refusal.code == "UNIMPLEMENTED"
    # Of Envoy, for want of a route, and not of an instance.
    await eventually(lambda: '"flags":"NR"' in edge.envoy.access_log)


async def test_a_stream_goes_over_tls(edge: Edge) -> None:
    trusting = grpc.ssl_channel_credentials(edge.envoy.certificate)
    async with grpc.aio.secure_channel(edge.envoy.tls_address, trusting) as channel:
        stub: job_service_pb2_grpc.JobServiceAsyncStub = job_service_pb2_grpc.JobServiceStub(channel)
        job = (await stub.StartGeneration(scripted(tokens=5, rate=0), timeout=LIMIT)).job
        responses = await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id), timeout=LIMIT))
    offsets = [event.offset for response in responses for event in response.events]
    assert offsets == list(range(1, len(offsets) + 1))
    assert responses[-1].closed


async def test_the_log_has_a_line_for_each_call_and_nothing_that_was_said(edge: Edge) -> None:
    request = scripted(tokens=3, rate=0, pattern="words", seed=7)
    request.prompt = "an unmistakable question"
    async with client_of(edge.envoy.address) as client:
        job = await client.start_request(request)
        async for _ in client.stream(job.id):
            pass
        said = answer(await client.state(job.id))
    await eventually(lambda: all(f'"route":"{name}"' in edge.envoy.access_log for name in ("call", "stream", "read")))
    assert "unmistakable" not in edge.envoy.access_log
    assert said not in edge.envoy.access_log
    assert job.id not in edge.envoy.access_log
