"""Connections that fall silent without an end, as when Wi-Fi becomes cellular: found by missing heartbeats."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from streamsvc.client import Client, ClientOptions, SyncClient
from streamsvc.v1 import event_pb2
from tests.support.events import kinds, scripted
from tests.support.following import Follower, obey
from tests.support.proxy import Proxy
from tests.support.service import Service, client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

T = TypeVar("T")

SLOW = {"tokens": 60, "rate": 40, "pattern": "count"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service() -> AsyncIterator[Service]:
    async with await Service.start() as started:
        yield started


@asynccontextmanager
async def through_a_proxy(
    service: Service, *, delay: float = 0.0, **options: Any
) -> AsyncIterator[tuple[Proxy, Client, Client]]:
    """Give a proxy before a service, a client that goes past it, and one that goes through it."""
    async with (
        Proxy(service.address, delay=delay) as proxy,
        client_of(service.address) as direct,
        client_of(proxy.address, **options) as client,
    ):
        yield proxy, direct, client


async def in_a_thread(work: Callable[[], T]) -> T:
    """Do `work` in a thread that does not outlive the tests, should it hang."""
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def run() -> None:
        outcome = work()
        done.get_loop().call_soon_threadsafe(done.set_result, outcome)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wait_for(done, 20)


async def test_a_half_open_connection_is_left_within_two_heartbeats(service: Service) -> None:
    loop = asyncio.get_running_loop()
    async with through_a_proxy(service) as (proxy, direct, client):
        job = await direct.start_request(scripted(**SLOW))
        follower = Follower(client, job.id, "half open")
        await follower.until(lambda record: kinds(record.events).count("text_delta") > 5)
        seen, began = len(follower.record.items), loop.time()
        proxy.swallow()
        await follower.until(lambda record: len(record.items) > seen + 1)
        assert loop.time() - began < 2.5
        await obey(direct, job.id, [follower])
        assert follower.record.reconnects == 1


async def test_each_item_may_be_waited_for_in_a_task_of_its_own(service: Service) -> None:
    async with through_a_proxy(service) as (proxy, direct, client):
        job = await direct.start_request(scripted(**SLOW))
        items = aiter(client.stream(job.id))
        events = []
        while True:
            try:
                item = await asyncio.wait_for(asyncio.ensure_future(anext(items)), 5)
            except StopAsyncIteration:
                break
            assert isinstance(item, event_pb2.Event)
            events.append(item)
            if len(events) == 10:
                proxy.swallow()
        assert [event.offset for event in events] == list(range(1, len(events) + 1))
        assert kinds(events)[-1] == "job_completed"


async def test_the_synchronous_client_leaves_a_half_open_connection_too(service: Service) -> None:
    loop = asyncio.get_running_loop()

    def follow(address: str, job_id: str) -> list[int]:
        offsets = []
        with SyncClient(address, options=ClientOptions(heartbeat_interval=timedelta(seconds=1))) as client:
            for item in client.stream(job_id):
                assert isinstance(item, event_pb2.Event)
                offsets.append(item.offset)
                if len(offsets) == 10:
                    loop.call_soon_threadsafe(proxy.swallow)
        return offsets

    async with through_a_proxy(service) as (proxy, direct, _):
        job = await direct.start_request(scripted(**SLOW))
        offsets = await in_a_thread(lambda: follow(proxy.address, job.id))
        assert offsets == list(range(1, len(offsets) + 1))
        assert len(offsets) > 60


async def test_a_call_over_a_half_open_connection_is_made_again_on_another(service: Service) -> None:
    async with through_a_proxy(service, call_timeout=timedelta(seconds=4)) as (proxy, _, client):
        job = await client.start_request(scripted(tokens=1, rate=0))
        proxy.swallow()
        assert (await client.state(job.id)).job.id == job.id
        assert proxy.accepted == 2


async def test_a_call_whose_connection_breaks_is_made_again(service: Service) -> None:
    async with through_a_proxy(service) as (proxy, _, client):
        job = await client.start_request(scripted(tokens=1, rate=0))
        proxy.stall()
        calling = asyncio.create_task(client.state(job.id))
        await asyncio.sleep(0)
        proxy.cut_all()
        assert (await calling).job.id == job.id


async def test_over_a_network_that_takes_half_a_second_a_connection_is_made_at_once(service: Service) -> None:
    async with through_a_proxy(service, delay=0.5) as (proxy, _, client):
        job = await client.start_request(scripted(tokens=1, rate=0))
        assert (await client.state(job.id)).job.id == job.id
        assert proxy.accepted == 1


async def test_a_slow_network_is_no_silence(service: Service) -> None:
    async with through_a_proxy(service, delay=0.05) as (_, direct, client):
        job = await direct.start_request(scripted(tokens=30, rate=20))
        follower = Follower(client, job.id, "slow")
        await obey(direct, job.id, [follower])
        assert follower.record.reconnects == 0
