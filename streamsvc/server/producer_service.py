"""ProducerService: requests in, `Jobs.writers` called, responses out. Nothing is decided here."""

from __future__ import annotations

from asyncio import Event
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from streamsvc.errors import EventInvalid, FieldInvalid
from streamsvc.jobs.writers import Writers
from streamsvc.principal import Principal
from streamsvc.server.calls import Calls
from streamsvc.server.spelling import blame
from streamsvc.v1 import producer_service_pb2 as pb

NAME = pb.DESCRIPTOR.services_by_name["ProducerService"].full_name


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no request, and what is wrong with them: gRPC itself would only say that something is."""

    error: FieldInvalid


class ProducerService:
    """The inner face, for processes that are trusted to write any job."""

    def __init__(self, writers: Writers) -> None:
        self._writers = writers

    async def create_job(self, principal: Principal, request: pb.CreateJobRequest, _: Event) -> pb.CreateJobResponse:
        """CreateJob."""
        return await self._writers.create(principal, request)

    async def claim_job(self, _: Principal, request: pb.ClaimJobRequest, left: Event) -> pb.ClaimJobResponse:
        """ClaimJob."""
        return await self._writers.claim(request, left)

    async def renew_lease(self, _: Principal, request: pb.RenewLeaseRequest, left: Event) -> pb.RenewLeaseResponse:
        """RenewLease."""
        return await self._writers.renew(request, left)

    async def release_lease(self, _: Principal, request: pb.ReleaseLeaseRequest, __: Event) -> pb.ReleaseLeaseResponse:
        """ReleaseLease."""
        return await self._writers.release(request)

    async def publish_events(
        self, _: Principal, request: pb.PublishEventsRequest, __: Event
    ) -> pb.PublishEventsResponse:
        """PublishEvents."""
        return await self._writers.publish(request)

    def handler(self, calls: Calls) -> grpc.GenericRpcHandler:
        """Return the gRPC handlers."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "CreateJob": _unary(calls, "CreateJob", self.create_job, pb.CreateJobRequest),
            "ClaimJob": _unary(calls, "ClaimJob", self.claim_job, pb.ClaimJobRequest),
            "RenewLease": _unary(calls, "RenewLease", self.renew_lease, pb.RenewLeaseRequest),
            "ReleaseLease": _unary(calls, "ReleaseLease", self.release_lease, pb.ReleaseLeaseRequest),
            "PublishEvents": _unary(calls, "PublishEvents", self.publish_events, pb.PublishEventsRequest),
        }
        return grpc.method_handlers_generic_handler(NAME, methods)


def _unary(
    calls: Calls, rpc: str, handler: Callable[[Principal, Any, Event], Awaitable[Message]], request: type[Message]
) -> grpc.RpcMethodHandler[Any, Any]:
    async def readable(principal: Principal, found: Any, left: Event) -> Message:
        if isinstance(found, Unreadable):
            raise found.error
        return await handler(principal, found, left)

    def read(data: bytes) -> Message | Unreadable:
        try:
            return request.FromString(data)
        except DecodeError:
            return Unreadable(_error(blame(data, request.DESCRIPTOR)))

    return grpc.unary_unary_rpc_method_handler(
        calls.waiting(rpc, readable), read, lambda answer: answer.SerializeToString()
    )


def _error(path: str) -> FieldInvalid:
    if not path:
        return FieldInvalid.of("request", "its bytes are no message of this call")
    if path.startswith("events["):
        return EventInvalid.of(path, "is not UTF-8", index=path.removeprefix("events[").partition("]")[0])
    return FieldInvalid.of(path, "is not UTF-8")
