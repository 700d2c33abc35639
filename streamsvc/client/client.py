"""The asynchronous client: start generations, follow them, ask for their state, stop them."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import grpc

from streamsvc.client.errors import error_of, resumable
from streamsvc.client.links import Links
from streamsvc.client.options import ClientOptions
from streamsvc.client.stream import JobStream
from streamsvc.log import START, Cursor
from streamsvc.v1 import content_pb2, job_pb2, job_service_pb2, job_service_pb2_grpc, state_pb2

T = TypeVar("T")


class Client:
    """A client of one service, at one or several targets (instances of it).

    Every call is safe to repeat and is repeated: after a broken connection, on another target if there are several.

        async with Client("127.0.0.1:50051") as client:
            job = await client.start("Why is the sky blue?")
            async for event in client.stream(job.id):
                print(event)

    Calls raise StreamsvcError by its reason (streamsvc.errors), and Unreachable if no target answers in time.
    """

    def __init__(self, *targets: str, options: ClientOptions | None = None) -> None:
        self._options = options or ClientOptions()
        self._links = Links(targets or ("127.0.0.1:50051",), self._options)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. The jobs go on."""
        await self._links.close()

    async def start(
        self,
        prompt: str = "",
        *,
        messages: Sequence[content_pb2.ChatMessage] = (),
        producer: str = "",
        model: str = "",
        conversation_id: str = "",
        labels: Mapping[str, str] | None = None,
        parameters: job_service_pb2.GenerationParameters | None = None,
        request_id: str = "",
    ) -> job_pb2.Job:
        """Start a generation that answers `prompt` or `messages`, and return its job at once."""
        return await self.start_request(
            job_service_pb2.StartGenerationRequest(
                prompt=prompt,
                messages=messages,
                producer=producer,
                model=model,
                conversation_id=conversation_id,
                labels=labels or {},
                parameters=parameters,
                request_id=request_id,
            )
        )

    async def start_request(self, request: job_service_pb2.StartGenerationRequest) -> job_pb2.Job:
        """Start the generation that `request` describes. Without a request_id it is given one, to be repeatable."""
        if not request.request_id:
            named = job_service_pb2.StartGenerationRequest()
            named.CopyFrom(request)
            named.request_id = str(uuid.uuid4())
            request = named
        response = await self._call(lambda stub, seconds: stub.StartGeneration(request, timeout=seconds))
        return response.job

    def stream(
        self,
        job_id: str,
        cursor: Cursor = START,
        *,
        catch_up: job_service_pb2.CatchUpMode.ValueType = job_service_pb2.CATCH_UP_MODE_REPLAY,
    ) -> JobStream:
        """Follow a job from `cursor` to its final event, however often the connection breaks."""
        return JobStream(self._links, job_id, cursor, catch_up, self._options)

    async def state(self, job_id: str) -> state_pb2.JobState:
        """Return a job with everything that it has said so far."""
        request = job_service_pb2.GetJobStateRequest(job_id=job_id)
        response = await self._call(lambda stub, seconds: stub.GetJobState(request, timeout=seconds))
        return response.state

    async def cancel(self, job_id: str, reason: str = "") -> job_pb2.Job:
        """Ask a job to stop. Its final event tells when it did; one that has ended stays as it is."""
        request = job_service_pb2.CancelJobRequest(job_id=job_id, reason=reason)
        response = await self._call(lambda stub, seconds: stub.CancelJob(request, timeout=seconds))
        return response.job

    async def _call(self, call: Callable[[job_service_pb2_grpc.JobServiceAsyncStub, float], Awaitable[T]]) -> T:
        """Make a call that may be repeated until it has an answer."""
        now = asyncio.get_running_loop().time
        deadline = now() + self._options.call_timeout.total_seconds()
        failures = 0
        while True:
            async with self._links.use() as link:
                try:
                    return await call(link.stub, max(0.001, deadline - now()))
                except grpc.aio.AioRpcError as failed:
                    error = error_of(failed)
                    if not resumable(error):
                        raise error from failed
                    self._links.failed(link)
            delay = error.retry_after or self._options.backoff.delay(failures, random=random.random)
            if now() + delay.total_seconds() >= deadline:
                raise error
            await asyncio.sleep(delay.total_seconds())
            failures += 1
