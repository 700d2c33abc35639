"""A process outside the service that counts: `publish TARGETS REQUEST_ID TOKENS RATE CONVERSATION` or `work TARGETS`.

It says `"0 1 2 ..."`, so many a second. Whoever goes on with a job goes on with the next number. Published jobs are for
the producer `agent` too, and their context says how far to count.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

from streamsvc.backoff import Backoff
from streamsvc.client import ClientOptions, Publisher, publishing, work
from streamsvc.v1 import state_pb2
from tests.support.outside import AGENT

OPTIONS = ClientOptions(backoff=Backoff(maximum=timedelta(milliseconds=300)))


async def counting(so_far: state_pb2.JobState, tokens: int, rate: float) -> AsyncIterator[str]:
    """Count on from what was said, and keep the rate although a sleep lasts longer than it should."""
    first = sum(part.text.text.count(" ") for part in so_far.parts)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(first, tokens):
        if rate and (wait := began + (number - first) / rate - loop.time()) > 0:
            await asyncio.sleep(wait)
        yield f"{number} "


async def publish(targets: list[str], request_id: str, tokens: int, rate: float, conversation: str) -> None:
    """Publish one answer, or go on with it. `conversation` may be empty."""
    context = json.dumps({"tokens": tokens, "rate": rate})
    async with publishing(
        *targets,
        options=OPTIONS,
        request_id=request_id,
        conversation_id=conversation,
        producer=AGENT,
        context_json=context,
    ) as pub:
        print("job", pub.job.id, flush=True)
        async for text in counting(pub.so_far, tokens, rate):
            await pub.say(text)
    print("ended", pub.job.status, flush=True)


async def answer(pub: Publisher) -> AsyncIterator[str]:
    """Answer a job as its request or its context says."""
    print("job", pub.job.id, flush=True)
    script = json.loads(pub.request.parameters.extra_json if pub.request else pub.context_json)
    try:
        async for text in counting(pub.so_far, script["tokens"], script["rate"]):
            yield text
    finally:
        print("closed", pub.job.id, flush=True)


async def main(mode: str, targets: str, *rest: str) -> None:
    """Do what the command line says."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    if mode == "work":
        await work(AGENT, answer, *targets.split(","), options=OPTIONS, at_once=4)
    else:
        request_id, tokens, rate, conversation = rest
        await publish(targets.split(","), request_id, int(tokens), float(rate), conversation)


if __name__ == "__main__":
    # A shell lets what it runs in the background ignore Ctrl-C, tests and their processes included.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asyncio.run(main(*sys.argv[1:]))
