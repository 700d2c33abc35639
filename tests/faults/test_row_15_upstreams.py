"""Row 15: upstreams that refuse, limit, break, talk nonsense, hang or cannot be reached: retried, or told.

Each kind of misbehaviour by itself, and what it becomes: tests/unit/test_openai_chat_errors.py.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import pytest

from streamsvc.client import Client
from streamsvc.v1 import job_pb2
from tests.support.chats import ask, chunk
from tests.support.events import answer
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.redis_process import HOST, free_port
from tests.support.redis_servers import shared
from tests.support.service import client_of
from tests.support.talking import stopping
from tests.support.upstream import Step, Upstream, abort, hang, raw, reply, sse

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = {"retry-after-ms": "1"}
CONNECT, FIRST, BETWEEN = "500ms", "3s", "1s"

FINE: list[Step] = [sse(chunk(content="fine")), *stopping()]
HALF = sse(chunk(content="half "))

RETRIED: list[list[list[Step]]] = [
    [[reply(429, {}, AT_ONCE)], FINE],
    [[reply(500, {}, AT_ONCE)], [reply(503, {}, AT_ONCE)], FINE],
    [[abort()], FINE],
]
"""What an upstream does at each request of a job that comes to its end all the same."""

FAILED: list[tuple[list[Step], str, str]] = [
    ([reply(400, {})], "UPSTREAM_REJECTED", ""),
    ([HALF, raw(b"data: {nonsense\n\n")], "UPSTREAM_INVALID", "half "),
    ([HALF, abort()], "UPSTREAM_UNAVAILABLE", "half "),
    ([HALF, hang()], "UPSTREAM_TIMEOUT", "half "),
]
"""What it does, why the job has failed then, and what is kept."""


@contextmanager
def nobody_home() -> Iterator[Mapping[str, str]]:
    """Give addresses at which connections are refused, and at which they are never made."""
    with ExitStack() as opened:
        full = opened.enter_context(socket.create_server((HOST, 0), backlog=0))
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield {"refusing": f"http://{HOST}:{free_port()}/v1", "full": f"http://{HOST}:{full.getsockname()[1]}/v1"}


ABSENT = {"refusing": "UPSTREAM_UNAVAILABLE", "full": "UPSTREAM_TIMEOUT"}
"""Why a job has failed whose upstream is at such an address."""


async def test_what_an_upstream_does_is_retried_or_told_and_what_was_said_is_kept() -> None:
    with nobody_home() as absent:
        async with Upstream() as upstream:
            addresses = {"there": upstream.base_url, **absent}
            kinds = {name: {"kind": "openai_chat", "base_url": address} for name, address in addresses.items()}
            async with (
                fleet(
                    *2 * [shared().uri],
                    environment={"STREAMSVC_UPSTREAMS": json.dumps(kinds)},
                    upstream_connect_timeout=CONNECT,
                    upstream_first_event_timeout=FIRST,
                    upstream_between_events_timeout=BETWEEN,
                ) as (a, b),
                client_of(a.address) as writer,
                client_of(b.address) as client,
            ):
                await retried(upstream, writer, client)
                await failed(upstream, writer, client)


async def retried(upstream: Upstream, writer: Client, client: Client) -> None:
    """Have jobs fail before their first event, and come to their end all the same."""
    for attempts in RETRIED:
        for steps in attempts:
            upstream.expect(*steps)
        reader = await started(writer, client, "there")
        state = await obey(client, reader.stream.job_id, [reader])
        assert (answer(state), state.job.status) == ("fine", job_pb2.JOB_STATUS_COMPLETED)


async def failed(upstream: Upstream, writer: Client, client: Client) -> None:
    """Have jobs fail, all at once."""
    expected = [(await started(writer, client, name), reason, "") for name, reason in ABSENT.items()]
    for steps, reason, kept in FAILED:
        exchange = upstream.expect(*steps)
        expected.append((await started(writer, client, "there"), reason, kept))
        await exchange.arrived()
    for reader, reason, kept in expected:
        state = await obey(client, reader.stream.job_id, [reader])
        assert (state.job.error.reason, answer(state)) == (reason, kept), state.job.error


async def started(writer: Client, client: Client, producer: str) -> Follower:
    """Start a job, and follow it at the other instance."""
    request = ask()
    request.producer = producer
    job = await writer.start_request(request)
    return Follower(client, job.id, producer)
