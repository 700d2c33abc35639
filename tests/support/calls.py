"""Calls without our client: raw stubs, and errors with all their details."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from streamsvc.v1 import job_service_pb2_grpc


@dataclass(frozen=True)
class Refusal:
    """What a failed call said. `retry_seconds` is None without a RetryInfo."""

    code: str
    message: str
    reason: str
    domain: str
    metadata: Mapping[str, str]
    retry_seconds: float | None
    violations: tuple[tuple[str, str], ...]

    @property
    def field(self) -> str:
        """The field that was wrong."""
        return ", ".join(field for field, _ in self.violations)


async def refused(call: Awaitable[object]) -> Refusal:
    """Return how `call` fails. Fails itself if it does not."""
    try:
        await call
    except grpc.aio.AioRpcError as failed:
        return refusal_of(failed)
    raise AssertionError("the call was not refused")


def refusal_of(failed: grpc.aio.AioRpcError) -> Refusal:
    """Return what a failed call said, with its details decoded."""
    info, retry, bad = error_details_pb2.ErrorInfo(), None, error_details_pb2.BadRequest()
    for detail in _details(failed):
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
    return Refusal(
        failed.code().name,
        failed.details() or "",
        info.reason,
        info.domain,
        dict(info.metadata),
        None if retry is None else retry.retry_delay.ToTimedelta().total_seconds(),
        tuple((found.field, found.description) for found in bad.field_violations),
    )


def _details(failed: grpc.aio.AioRpcError) -> Any:
    for key, value in failed.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            status = status_pb2.Status.FromString(value)
            assert status.message == failed.details()
            return status.details
    return ()


@asynccontextmanager
async def stub_of(address: str, *options: tuple[str, int]) -> AsyncIterator[job_service_pb2_grpc.JobServiceAsyncStub]:
    """Open a connection of its own, with the options of any gRPC client."""
    given = [("grpc.use_local_subchannel_pool", 1), *options]
    async with grpc.aio.insecure_channel(address, options=given) as channel:
        yield job_service_pb2_grpc.JobServiceStub(channel)


async def all_of(call: Any) -> list[Any]:
    """Return all responses of a stream. Raises what ended it."""
    responses: list[Message] = []
    while (response := await call.read()) is not grpc.aio.EOF:
        responses.append(response)
    return responses
