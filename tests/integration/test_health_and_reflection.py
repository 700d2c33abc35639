"""What an operator's tools see: health by name, and the services by reflection."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.support.calls import refused
from tests.support.service import LIMIT, app, health

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("service", ["", "live", "store", "streamsvc.v1.JobService"])
async def test_a_running_instance_is_healthy_under_every_name(service: str) -> None:
    async with app() as (_, address):
        assert await health(address, service) == SERVING


async def test_the_health_of_something_unknown_is_not_found() -> None:
    async with app() as (_, address):
        assert (await refused(health(address, "nothing"))).code == "NOT_FOUND"


async def test_the_health_may_be_watched() -> None:
    async with app() as (_, address), grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watching = stub.Watch(health_pb2.HealthCheckRequest(service="live"), timeout=LIMIT)
        assert (await watching.read()).status == SERVING
        watching.cancel()


async def _reflected(address: str, **asked: str) -> Any:
    async def requests() -> Any:
        yield reflection_pb2.ServerReflectionRequest(**asked)  # type: ignore[arg-type]

    async with grpc.aio.insecure_channel(address) as channel:
        given: Any = channel
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(given)
        async for response in stub.ServerReflectionInfo(requests(), timeout=LIMIT):
            return response
    raise AssertionError("reflection said nothing")


async def test_the_services_are_listed_by_reflection() -> None:
    async with app() as (_, address):
        response = await _reflected(address, list_services="")
        names = {service.name for service in response.list_services_response.service}
        assert {"streamsvc.v1.JobService", "grpc.health.v1.Health"} <= names


async def test_the_messages_are_described_by_reflection() -> None:
    async with app() as (_, address):
        response = await _reflected(address, file_containing_symbol="streamsvc.v1.JobService")
        assert response.file_descriptor_response.file_descriptor_proto
