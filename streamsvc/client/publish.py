"""Publishing: an answer that this process makes becomes a job of the service, whoever dies on the way."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from streamsvc.client.options import ClientOptions
from streamsvc.client.publish_calls import ProducerCalls
from streamsvc.client.publish_lease import Holder
from streamsvc.client.publish_outbox import Outbox
from streamsvc.client.publish_skip import beyond
from streamsvc.client.publisher import Publisher
from streamsvc.errors import EventInvalid, LeaseLost, LogClosed, StreamsvcError
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, job_service_pb2, state_pb2
from streamsvc.v1 import producer_service_pb2 as pb

Item = str | event_pb2.Event
Answer = AsyncIterator[Item] | Callable[[state_pb2.JobState], AsyncIterator[Item]]
"""What is published: an answer from its beginning, or a function that goes on with what was said so far."""

LAST_SECONDS = 2.0
"""How long a process that is told to stop may take to say its last words and to give the job away."""


async def publish(answer: Answer, *targets: str, options: ClientOptions | None = None, **about: Any) -> job_pb2.Job:
    """Publish an answer as a job, and return that job when it has ended.

        job = await publish(agent("Why is the sky blue?"), conversation_id="c1")

    `answer` yields text or events. A cancel closes it at once, and ends the job with what was said. Given the same
    `request_id`, a process that is started again goes on with the job: of an answer that begins at its beginning that
    much is skipped as is stored, and a function gets the state to go on from. `about` is what `publishing` takes.

    Raises what `answer` raises (the job has failed then) and StreamsvcError: LeaseLost if another process has the job.
    """
    try:
        async with publishing(*targets, options=options, **about) as pub:
            items = answer(pub.so_far) if callable(answer) else beyond(answer, pub.so_far)
            async with aclosing(items):  # type: ignore[type-var]
                async for item in items:
                    await pub.say(item)
    except AlreadyEnded as ended:
        return ended.job
    return pub.job


class AlreadyEnded(LogClosed):
    """The job of this request_id has ended: `job` says how."""

    def __init__(self, job: job_pb2.Job) -> None:
        super().__init__(f"job {job.id} has ended", {"job_id": job.id, "last_offset": str(job.last_offset)})
        self.job = job


def publishing(
    *targets: str,
    options: ClientOptions | None = None,
    request_id: str = "",
    owner: str = "",
    conversation_id: str = "",
    model: str = "",
    producer: str = "",
    labels: Mapping[str, str] | None = None,
    messages: Sequence[content_pb2.ChatMessage] = (),
    previous_job_id: str = "",
    answers: Sequence[content_pb2.InputAnswer] = (),
    concurrency: job_service_pb2.ConcurrencyPolicy.ValueType = job_service_pb2.CONCURRENCY_POLICY_ALLOW,
    context_json: str = "",
    claim_grace: timedelta | None = None,
) -> AbstractAsyncContextManager[Publisher]:
    """Create a job, and write it within the block: complete when that is left, failed if it raises.

        async with publishing(conversation_id="c1") as pub, pub.text() as part:
            await part.write("Hello")

    A cancel ends the block at once, as a timeout would, but raises nothing. A process that is stopped gives the job
    away: within `claim_grace` one that publishes under the same `request_id`, or claims jobs of `producer`, goes on,
    or it fails. `answers` are to a job of this owner. Targets: internal listeners. Raises AlreadyEnded, StreamsvcError.
    """
    request = pb.CreateJobRequest(
        request_id=request_id or str(uuid.uuid4()),
        owner=owner,
        conversation_id=conversation_id,
        model=model,
        producer=producer,
        labels=labels or {},
        input=messages,
        previous_job_id=previous_job_id,
        answers=answers,
        concurrency=concurrency,
        context_json=context_json,
    )
    return _created(targets, options, request, claim_grace)


@asynccontextmanager
async def writing(
    calls: ProducerCalls,
    so_far: state_pb2.JobState,
    lease: pb.Lease,
    request: job_service_pb2.StartGenerationRequest | None = None,
    context_json: str = "",
) -> AsyncGenerator[Publisher, None]:
    """Write a job under a lease within the block, and end it as the block ends."""
    outbox = Outbox(so_far.offset)
    pub = Publisher(so_far, outbox, request, context_json)
    now, scope = asyncio.get_running_loop().time, asyncio.timeout(None)
    entered = False

    def interrupt() -> None:
        if entered and not scope.expired():
            scope.reschedule(now())

    async with Holder(calls, so_far.job.id, lease, outbox, interrupt) as holder:
        try:
            try:
                async with scope:
                    entered = True
                    if holder.cancel_reason is not None:
                        interrupt()
                    try:
                        yield pub
                    finally:
                        entered = False
            except TimeoutError:
                if not scope.expired():
                    raise
            await _end(pub, holder, interrupted=scope.expired())
        except Exception:
            await _fail(pub, holder)
            raise
        except BaseException:
            await holder.give_away(LAST_SECONDS)
            raise


@asynccontextmanager
async def _created(
    targets: Sequence[str],
    options: ClientOptions | None,
    request: pb.CreateJobRequest,
    claim_grace: timedelta | None,
) -> AsyncGenerator[Publisher, None]:
    """Create a job, or go on with it, and write it within the block."""
    calls = ProducerCalls(targets, options)
    request.writer_id = str(uuid.uuid4())
    if claim_grace is not None:
        request.claim_grace.FromTimedelta(claim_grace)
    try:
        made = await calls.create(request)
        if not made.HasField("lease"):
            raise AlreadyEnded(made.job)
        new = state_pb2.JobState(
            job=made.job, offset=made.job.last_offset, input=request.input, answers=request.answers
        )
        so_far = made.state if made.HasField("state") else new
        async with writing(calls, so_far, made.lease) as pub:
            yield pub
    finally:
        await calls.close()


async def _end(pub: Publisher, holder: Holder, *, interrupted: bool) -> None:
    """End the job as its block has ended: by itself, or since somebody asked the job to stop."""
    if holder.error is not None:
        raise holder.error
    if interrupted:
        pub.end(event_pb2.Event(job_cancelled=event_pb2.JobCancelled(reason=holder.cancel_reason or "")))
    else:
        await pub.settle()
        pub.complete()
    try:
        await holder.end(pub.ending())
    except (LeaseLost, LogClosed):
        if holder.cancel_reason is None:
            raise
        # The service did not wait any longer for the answer to the cancel, and gave it itself.


async def _fail(pub: Publisher, holder: Holder) -> None:
    """End the job since its block, or what was said in it, cannot be used. Not if others have the job."""
    pub.final = None
    pub.fail("INTERNAL", "the process that wrote the job failed unexpectedly", retryable=True)
    with suppress(StreamsvcError, TimeoutError):
        if holder.error is None:
            await holder.end(pub.ending())
        elif isinstance(holder.error, EventInvalid):
            await holder.end_at_once(pub.ending(), LAST_SECONDS)
