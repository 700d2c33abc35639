"""Row 13: the answer of PublishEvents is lost and the call repeated, here or at another instance: each event once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import count
from random import Random

import pytest

from streamsvc.client import ClientOptions, publish
from streamsvc.v1 import job_pb2
from streamsvc.v1 import producer_service_pb2 as pb
from tests.support.calls import refused
from tests.support.counting import counted
from tests.support.crowd import AT_ONCE
from tests.support.events import Event, answer, kinds, part_started, text
from tests.support.fleet import fleet
from tests.support.following import Follower, obey, whole
from tests.support.length import by_length
from tests.support.outside import completed, producer_stub_of, publishing
from tests.support.proxy import Proxy
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 13
TOKENS = by_length(400, 5000)
CUTS = by_length(25, 250)


async def slowly(enough: Callable[[], bool]) -> AsyncIterator[Event]:
    """Count in events of their own, each in a call of its own as far as chance will have it, until it is enough."""
    yield part_started()
    for number in count():
        if number >= TOKENS and enough():
            return
        await asyncio.sleep(0.002)
        yield text(f"{number} ")


async def test_calls_are_cut_at_any_byte_and_repeated_at_another_instance() -> None:
    random = Random(SEED)
    async with (
        fleet(*2 * [shared().uri], lease_ttl="5s", claim_grace="20s") as instances,
        AsyncExitStack() as opened,
        client_of(*[instance.address for instance in instances]) as client,
    ):
        proxies = [
            await opened.enter_async_context(
                Proxy(instance.internal_address, random=random, cuts=CUTS, cut_after=(100, 4000))
            )
            for instance in instances
        ]
        options = ClientOptions(backoff=AT_ONCE)
        answering = slowly(lambda: sum(proxy.cut for proxy in proxies) >= CUTS)
        job = await publish(answering, *[proxy.address for proxy in proxies], options=options)
        assert job.status == job_pb2.JOB_STATUS_COMPLETED
        state = await obey(client, job.id, [Follower(client, job.id, "reader")])
        events = await whole(client, job.id)
        told = kinds(events).count("text_delta")
        assert told >= TOKENS
        assert answer(state) == counted(told)
        assert kinds(events).count("job_created") == kinds(events).count("job_started") == 1


async def test_every_call_is_sent_to_two_instances_at_once_and_then_once_more() -> None:
    async with (
        fleet(*2 * [shared().uri]) as (a, b),
        producer_stub_of(a.internal_address) as one,
        producer_stub_of(b.internal_address) as other,
        client_of(b.address) as client,
    ):
        made = await one.CreateJob(pb.CreateJobRequest())
        job_id, lease = made.job.id, made.lease
        batches = [[part_started()], *[[text(f"{number} ")] for number in range(30)], [completed()]]
        after = 2
        for batch in batches:
            request = publishing(job_id, lease, after, batch)
            answers = await asyncio.gather(*[stub.PublishEvents(request) for stub in (one, other, one, other)])
            answers.append(await other.PublishEvents(request))
            assert {wrote.last_offset for wrote in answers} == {after + len(batch)}
            after += len(batch)
        state = await obey(client, job_id, [Follower(client, job_id, "reader")])
        assert answer(state) == counted(30)
        assert state.offset == after
        late = await refused(one.PublishEvents(publishing(job_id, lease, 5, [text("late")])))
        assert late.reason == "LOG_CLOSED"
