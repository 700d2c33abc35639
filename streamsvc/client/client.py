"""The asynchronous client: start generations, follow them, ask for their state, stop them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message

from streamsvc.client.errors import error_of
from streamsvc.client.links import Links
from streamsvc.client.options import ClientOptions
from streamsvc.client.retry import Retries
from streamsvc.client.stream import JobStream
from streamsvc.client.watch import JobWatch
from streamsvc.fold import Fold
from streamsvc.log import START, Cursor
from streamsvc.v1 import content_pb2, job_pb2, job_service_pb2, state_pb2


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
        concurrency: job_service_pb2.ConcurrencyPolicy.ValueType = job_service_pb2.CONCURRENCY_POLICY_ALLOW,
        previous_job_id: str = "",
        answers: Sequence[content_pb2.InputAnswer] = (),
        request_id: str = "",
    ) -> job_pb2.Job:
        """Start a generation that answers `prompt` or `messages`, and return its job at once.

        With `answers` it goes on with the job that asked, `previous_job_id`; see `answer`.
        """
        return await self.start_request(
            job_service_pb2.StartGenerationRequest(
                prompt=prompt,
                messages=messages,
                producer=producer,
                model=model,
                conversation_id=conversation_id,
                labels=labels or {},
                parameters=parameters,
                concurrency=concurrency,
                previous_job_id=previous_job_id,
                answers=answers,
                request_id=request_id,
            )
        )

    async def answer(
        self, previous_job_id: str, answers: Sequence[content_pb2.InputAnswer], *, request_id: str = ""
    ) -> job_pb2.Job:
        """Answer all the questions that a job asked, and return the job that goes on, at once.

        It has the conversation, the producer and the model of the one that asked. Raises InputAnswered if others were
        first: its `job_id` is the job to follow then.
        """
        return await self.start(previous_job_id=previous_job_id, answers=answers, request_id=request_id)

    async def start_request(self, request: job_service_pb2.StartGenerationRequest) -> job_pb2.Job:
        """Start the generation that `request` describes. Without a request_id it is given one, to be repeatable."""
        if not request.request_id:
            named = job_service_pb2.StartGenerationRequest()
            named.CopyFrom(request)
            named.request_id = str(uuid.uuid4())
            request = named
        response: job_service_pb2.StartGenerationResponse = await self._call("StartGeneration", request)
        return response.job

    def stream(
        self,
        job_id: str,
        cursor: Cursor = START,
        *,
        catch_up: job_service_pb2.CatchUpMode.ValueType = job_service_pb2.CATCH_UP_MODE_REPLAY,
        fold: bool = False,
    ) -> JobStream:
        """Follow a job from `cursor` to its final event, however often the connection breaks.

        With `fold` the stream keeps the job's state too: see `JobStream.state`. That needs a stream from the beginning,
        or one that begins with a snapshot.
        """
        return JobStream(self._links, job_id, cursor, catch_up, self._options, Fold() if fold else None)

    def resume(self, state: state_pb2.JobState) -> JobStream:
        """Go on from a state that `JobStream.state` gave, in this process or in another one."""
        cursor = Cursor(state.job.epoch, state.offset)
        replay = job_service_pb2.CATCH_UP_MODE_REPLAY
        return JobStream(self._links, state.job.id, cursor, replay, self._options, Fold(state))

    async def jobs(
        self, *, conversation_id: str = "", statuses: Sequence[job_pb2.JobStatus.ValueType] = ()
    ) -> AsyncIterator[job_pb2.Job]:
        """Iterate over the caller's jobs, newest first, page by page."""
        request = job_service_pb2.ListJobsRequest(conversation_id=conversation_id, statuses=statuses)
        while True:
            page = await self._call("ListJobs", request)
            for job in page.jobs:
                yield job
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def watch(self, *, conversation_id: str = "", token: str = "") -> JobWatch:
        """Hear of each job that starts, changes or ends, also of those since `token`."""
        return JobWatch(self._links, conversation_id, token, self._options)

    async def state(self, job_id: str) -> state_pb2.JobState:
        """Return a job with everything that it has said so far."""
        request = job_service_pb2.GetJobStateRequest(job_id=job_id)
        response: job_service_pb2.GetJobStateResponse = await self._call("GetJobState", request)
        return response.state

    async def cancel(self, job_id: str, reason: str = "") -> job_pb2.Job:
        """Ask a job to stop. Its final event tells when it did; one that has ended stays as it is."""
        request = job_service_pb2.CancelJobRequest(job_id=job_id, reason=reason)
        response: job_service_pb2.CancelJobResponse = await self._call("CancelJob", request)
        return response.job

    async def delete(self, job_id: str) -> None:
        """Delete a job with everything it said, also while it runs."""
        request = job_service_pb2.DeleteJobRequest(job_id=job_id)
        await self._call("DeleteJob", request)

    async def _call(self, rpc: str, request: Message) -> Any:
        """Make a call that may be repeated, until it has an answer."""
        now = asyncio.get_running_loop().time
        patience = self._options.call_timeout.total_seconds()
        deadline = now() + patience
        retries = Retries(self._options, now, targets=self._links.targets)
        while True:
            async with self._links.use() as link:
                try:
                    # Half of the time: over a connection that is half open, a second attempt must still be possible.
                    left = max(0.001, min(deadline - now(), patience / 2))
                    metadata = await self._links.tokens.metadata()
                    return await getattr(link.stub, rpc)(request, timeout=left, metadata=metadata)
                except grpc.aio.AioRpcError as failed:
                    error = error_of(failed)
                    self._links.failed(link, error)
            wait = retries.wait(error)
            if now() + wait >= deadline:
                raise error
            await asyncio.sleep(wait)
