"""Row 23: a producer, a callback or a reader raises: only that job or that call is affected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio

from streamsvc.client import Client
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.options import JobOptions
from streamsvc.producers.base import Producer
from streamsvc.producers.scripted import Scripted
from streamsvc.server.app import App, ServerOptions
from streamsvc.store.redis.links import open_link
from streamsvc.store.redis.store import RedisStore
from streamsvc.v1 import job_pb2
from tests.support.events import answer, scripted
from tests.support.fleet import Instance, fleet
from tests.support.following import Follower, obey
from tests.support.producers import SECRET, Buggy
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMPLETED, FAILED = job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two() -> AsyncIterator[Sequence[Instance]]:
    """Two instances: nothing here harms them."""
    async with fleet(*2 * [shared().uri]) as instances:
        yield instances


class Careless(Exception):
    """What the code of a caller raises."""


@asynccontextmanager
async def with_a_bug(beside: Instance) -> AsyncIterator[str]:
    """Run another instance of the fleet, in this process, one of whose producers has a bug. Gives its address."""
    chance = Chance()
    link = open_link(shared().servers)
    store = RedisStore(link, new_epoch=chance.new_epoch, prefix=beside.prefix, safety_time=timedelta(hours=1))
    producers: dict[str, Producer] = {"scripted": Scripted(), "buggy": Buggy()}
    app = App(store, producers, JobOptions(lease_ttl=timedelta(seconds=1)), ServerOptions("127.0.0.1:0"), chance)
    try:
        yield await app.start()
    finally:
        await app.jobs.drain(timedelta())
        await app.kill()
        await store.close()


async def test_a_producer_that_raises_ends_its_own_job_only(
    two: Sequence[Instance], caplog: pytest.LogCaptureFixture
) -> None:
    instance, _ = two
    async with (
        with_a_bug(instance) as address,
        client_of(address) as buggy,
        client_of(instance.address) as client,
    ):
        good = await buggy.start_request(scripted(tokens=60, rate=100))
        reader = Follower(client, good.id, "of the good")
        bad = await buggy.start("why?", producer="buggy")
        state = await obey(client, bad.id, [Follower(client, bad.id, "of the bad")])
        assert (state.job.status, state.job.error.reason) == (FAILED, "INTERNAL")
        assert answer(state) == "two words "
        assert SECRET not in caplog.text + instance.log + str(state)
        state = await obey(client, good.id, [reader])
        assert (state.job.status, state.job.attempt) == (COMPLETED, 1)


async def test_a_token_callback_that_raises_ends_its_own_call_only(two: Sequence[Instance]) -> None:
    (a, b), broken = two, True

    async def token() -> str:
        if broken:
            raise Careless
        return "a token"

    async with client_of(a.address) as direct, client_of(b.address, token=token) as client:
        job = await direct.start_request(scripted(tokens=60, rate=100))
        good = Follower(direct, job.id, "good")
        with pytest.raises(Careless):
            await client.state(job.id)
        with pytest.raises(Careless):
            await Follower(client, job.id, "careless").done()
        broken = False
        await obey(client, job.id, [good, Follower(client, job.id, "again")])


async def test_a_reader_that_raises_ends_its_own_call_only(two: Sequence[Instance]) -> None:
    a, b = two
    async with client_of(a.address) as direct, client_of(b.address) as client:
        job = await direct.start_request(scripted(tokens=60, rate=100))
        good = [Follower(client, job.id, f"good {number}") for number in range(3)]
        for _ in range(10):
            with pytest.raises(Careless):
                await careless(client, job.id)
        state = await obey(client, job.id, good)
        assert state.job.status == COMPLETED
        assert sum(reader.record.reconnects for reader in good) == 0


async def careless(client: Client, job_id: str) -> None:
    """Read a little, and raise."""
    async with client.stream(job_id) as stream:
        async for _ in stream:
            raise Careless
