"""JobService: requests in, `Jobs` called, responses out. Nothing is decided here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.message import Message

from streamsvc.jobs.coordinator import Jobs
from streamsvc.principal import Principal
from streamsvc.server.calls import Calls
from streamsvc.v1 import job_service_pb2 as pb

NAME = pb.DESCRIPTOR.services_by_name["JobService"].full_name


class JobService:
    """The public face."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def start_generation(
        self, principal: Principal, request: pb.StartGenerationRequest
    ) -> pb.StartGenerationResponse:
        """StartGeneration."""
        return pb.StartGenerationResponse(job=await self._jobs.start(principal, request))

    def stream_job(self, principal: Principal, request: pb.StreamJobRequest) -> AsyncIterator[bytes]:
        """StreamJob: the bytes of the responses."""
        return self._jobs.stream(principal, request)

    async def get_job_state(self, principal: Principal, request: pb.GetJobStateRequest) -> pb.GetJobStateResponse:
        """GetJobState."""
        return pb.GetJobStateResponse(state=await self._jobs.state(principal, request.job_id))

    async def cancel_job(self, principal: Principal, request: pb.CancelJobRequest) -> pb.CancelJobResponse:
        """CancelJob."""
        return pb.CancelJobResponse(job=await self._jobs.cancel(principal, request.job_id, request.reason))

    async def list_jobs(self, principal: Principal, request: pb.ListJobsRequest) -> pb.ListJobsResponse:
        """ListJobs."""
        return await self._jobs.list(principal, request)

    async def watch_jobs(self, principal: Principal, request: pb.WatchJobsRequest) -> AsyncIterator[bytes]:
        """WatchJobs."""
        async with aclosing(self._jobs.watch(principal, request)) as messages:
            async for message in messages:
                yield message.SerializeToString()

    async def delete_job(self, principal: Principal, request: pb.DeleteJobRequest) -> pb.DeleteJobResponse:
        """DeleteJob."""
        await self._jobs.delete(principal, request.job_id)
        return pb.DeleteJobResponse()

    def handler(self, calls: Calls) -> grpc.GenericRpcHandler:
        """Return the gRPC handlers. Streams have no serializer: their bytes go through untouched."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "StartGeneration": _unary(calls, self.start_generation, pb.StartGenerationRequest),
            "StreamJob": _stream(calls, self.stream_job, pb.StreamJobRequest),
            "GetJobState": _unary(calls, self.get_job_state, pb.GetJobStateRequest),
            "CancelJob": _unary(calls, self.cancel_job, pb.CancelJobRequest),
            "ListJobs": _unary(calls, self.list_jobs, pb.ListJobsRequest),
            "WatchJobs": _stream(calls, self.watch_jobs, pb.WatchJobsRequest),
            "DeleteJob": _unary(calls, self.delete_job, pb.DeleteJobRequest),
        }
        return grpc.method_handlers_generic_handler(NAME, methods)


def _unary(calls: Calls, handler: Any, request: type[Message]) -> grpc.RpcMethodHandler[Any, Any]:
    serve = calls.unary(_name(handler), handler)
    return grpc.unary_unary_rpc_method_handler(serve, request.FromString, lambda answer: answer.SerializeToString())


def _stream(calls: Calls, handler: Any, request: type[Message]) -> grpc.RpcMethodHandler[Any, Any]:
    serve = calls.stream(_name(handler), handler)
    return grpc.unary_stream_rpc_method_handler(serve, request.FromString)


def _name(handler: Any) -> str:
    return "".join(word.title() for word in handler.__name__.split("_"))
