"""An upstream for a fleet, whose answers a test paces: large ones, and ones that wait for the test's word."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.chats import ask, chunk
from tests.support.upstream import Answering, Step, Upstream, done, sse

AT_ONCE = 50
"""How many deltas are sent together."""


def environment_of(upstream: Upstream) -> Mapping[str, str]:
    """Return what makes an instance ask this upstream for what `question` asks."""
    return {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "none"}


def question() -> pb.StartGenerationRequest:
    """Return a request that the upstream answers."""
    request = ask()
    request.producer = "openai"
    return request


def delta(number: int, size: int) -> str:
    """Return the text of a delta: its number and enough to make `size` characters."""
    return f"{number:07d}".ljust(size, "x")


def saying(count: int, size: int) -> Step:
    """Say so many deltas of `size` characters, as fast as they are taken."""

    async def step(answering: Answering) -> None:
        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count))
            await sse(*[chunk(content=delta(number, size)) for number in numbers])(answering)
            await asyncio.sleep(0)

    return step


def stopping() -> tuple[Step, Step]:
    """End the answer properly."""
    return sse(chunk("stop")), done()
