"""JobService: requests in, `Jobs` called, responses out. Nothing is decided here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from streamsvc.jobs.coordinator import Jobs
from streamsvc.principal import Principal
from streamsvc.server.calls import Calls
from streamsvc.v1 import job_service_pb2 as pb

NAME = pb.DESCRIPTOR.services_by_name["JobService"].full_name


class JobService:
    """The public face. RPCs without a method here answer UNIMPLEMENTED."""

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

    def handler(self, calls: Calls) -> grpc.GenericRpcHandler:
        """Return the gRPC handlers. StreamJob has no serializer: its bytes go through untouched."""
        unary = grpc.unary_unary_rpc_method_handler
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "StartGeneration": unary(
                calls.unary("StartGeneration", self.start_generation),
                pb.StartGenerationRequest.FromString,
                pb.StartGenerationResponse.SerializeToString,
            ),
            "StreamJob": grpc.unary_stream_rpc_method_handler(
                calls.stream("StreamJob", self.stream_job), pb.StreamJobRequest.FromString
            ),
            "GetJobState": unary(
                calls.unary("GetJobState", self.get_job_state),
                pb.GetJobStateRequest.FromString,
                pb.GetJobStateResponse.SerializeToString,
            ),
            "CancelJob": unary(
                calls.unary("CancelJob", self.cancel_job),
                pb.CancelJobRequest.FromString,
                pb.CancelJobResponse.SerializeToString,
            ),
        }
        return grpc.method_handlers_generic_handler(NAME, methods)
