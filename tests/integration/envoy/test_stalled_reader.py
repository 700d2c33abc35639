"""A reader behind Envoy that takes nothing: Envoy does not swallow the stream for it, so that the service notices."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from streamsvc.v1 import job_service_pb2 as pb
from tests.integration.envoy.conftest import Edge
from tests.support.calls import Refusal, refusal_of, stub_of
from tests.support.events import scripted
from tests.support.following import Follower, obey
from tests.support.reading import Collected
from tests.support.service import LIMIT, client_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536))


async def take(call: Any, collected: Collected) -> None:
    collected.add((await call.read()).SerializeToString())


async def read_on(call: Any, collected: Collected) -> Refusal:
    """Read what there is, and return what ends it."""
    try:
        while True:
            await take(call, collected)
    except grpc.aio.AioRpcError as failed:
        return refusal_of(failed)


async def test_a_stalled_reader_is_ended_and_resumes_and_others_are_not_slowed(edge: Edge) -> None:
    async with client_of(edge.envoy.address) as client, stub_of(edge.envoy.address, *SMALL_WINDOW) as stub:
        job = await client.start_request(scripted(tokens=200_000, rate=0, pattern="count"))
        call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
        collected = Collected()
        await take(call, collected)
        fast = Follower(client, job.id, "fast")
        log = (await fast.done()).events
        await eventually(lambda: any("READER_STALLED" in instance.log for instance in edge.instances), LIMIT)
        refusal = await asyncio.wait_for(read_on(call, collected), LIMIT)
        assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "READER_STALLED")
        assert 0 < collected.cursor.offset < len(log)
        resumed = Follower(client, job.id, "resumed", cursor=collected.cursor, before=[*collected.events])
        await obey(client, job.id, [fast, resumed])
