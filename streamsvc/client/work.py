"""Working: jobs that others start with a producer's name are claimed here, and answered."""

from __future__ import annotations

import asyncio
import logging
import traceback
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any, cast

from streamsvc.client.errors import GaveUp
from streamsvc.client.options import ClientOptions
from streamsvc.client.publish import Item, writing
from streamsvc.client.publish_calls import ProducerCalls
from streamsvc.client.publisher import Publisher
from streamsvc.errors import StreamsvcError
from streamsvc.v1 import producer_service_pb2 as pb

log = logging.getLogger(__name__)

Handler = Callable[[Publisher], AsyncIterator[Item] | Awaitable[None]]
"""Answers one job: yields text or events, or says them through the publisher."""

WAIT = timedelta(seconds=20)
"""How long a claim waits at the service before it is made anew."""


async def work(
    producer: str, handler: Handler, *targets: str, at_once: int = 1, options: ClientOptions | None = None
) -> None:
    """Claim jobs started with this producer name and answer them, so many at once, until cancelled.

        async def answer(pub):
            async for text in agent(pub.request, pub.so_far):
                yield text

        await work("agent", answer)

    A job that another worker has lost comes with what that one said, in `pub.so_far`: go on from there. A cancel closes
    the handler at once. What it raises fails its job and is logged. A worker that is cancelled gives its jobs away.
    """
    calls = ProducerCalls(targets, options)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(_work(calls, producer, handler))
    finally:
        await calls.close()


async def _work(calls: ProducerCalls, producer: str, handler: Handler) -> None:
    while True:
        claim = pb.ClaimJobRequest(producer=producer, request_id=str(uuid.uuid4()))
        claim.wait.FromTimedelta(WAIT)
        try:
            claimed = await calls.claim(claim)
        except GaveUp as error:
            log.warning("no job of %s can be claimed: %s", producer, error.message)
            continue
        if claimed.HasField("lease"):
            await _answer(calls, claimed, handler)


async def _answer(calls: ProducerCalls, claimed: pb.ClaimJobResponse, handler: Handler) -> None:
    request = claimed.request if claimed.HasField("request") else None
    job_id = claimed.state.job.id
    try:
        async with writing(calls, claimed.state, claimed.lease, request, claimed.context_json) as pub:
            answer: Any = handler(pub)
            if hasattr(answer, "__aiter__"):
                async with aclosing(answer):
                    async for item in cast(AsyncIterator[Item], answer):
                        await pub.say(item)
            else:
                await answer
    except StreamsvcError as error:
        log.warning("job %s is not written here any more: %s", job_id, error.message)
    except Exception as error:
        # Not the error's own words: they may quote what was said.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("job %s: its handler failed with %s\n%s", job_id, type(error).__name__, where)
