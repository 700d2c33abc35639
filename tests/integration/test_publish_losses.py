"""A store that loses what it has acknowledged to a publisher: the same events are sent again, and readers are exact."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from streamsvc.client import publish
from streamsvc.errors import JobNotFound, LeaseLost, StoreUnavailable
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.options import JobOptions
from streamsvc.producers.scripted import Scripted
from streamsvc.server.app import App, ServerOptions
from streamsvc.store.records import Claim
from tests.support.counting import counted, told
from tests.support.events import answer
from tests.support.following import Follower, obey
from tests.support.length import PATIENCE
from tests.support.lossy_memory import LossyMemoryStore
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY = timedelta(days=1)
TOKENS = 120


@asynccontextmanager
async def losing() -> AsyncIterator[tuple[App, str, LossyMemoryStore]]:
    """Run an App over a store that can lose, and give its public address."""
    chance = Chance()
    store = LossyMemoryStore(clock=chance.clock, new_epoch=chance.new_epoch, safety_time=DAY, tombstone_time=DAY)
    options = JobOptions(lease_ttl=timedelta(seconds=1), poll_interval=timedelta(milliseconds=100))
    server = ServerOptions(listen="127.0.0.1:0", internal_listen="127.0.0.1:0")
    running = App(store, {"scripted": Scripted()}, options, server, chance)
    address = await running.start()
    try:
        yield running, address, store
    finally:
        await running.jobs.drain(timedelta())
        await running.kill()


async def counting(more: asyncio.Event) -> AsyncIterator[str]:
    """Count half-way, and on when told."""
    for number in range(TOKENS):
        if number == TOKENS // 2:
            await more.wait()
        yield f"{number} "
        await asyncio.sleep(0.002)


@pytest.mark.parametrize("speaks", [True, False], ids=["while it speaks", "while it is silent"])
@pytest.mark.parametrize("lost", [1, 5, 15])
async def test_events_that_were_lost_are_sent_again(lost: int, speaks: bool) -> None:
    more = asyncio.Event()
    async with losing() as (app, address, store), client_of(address) as client:
        publishing = asyncio.create_task(publish(counting(more), app.internal_address, request_id="r"))
        while not (jobs := [job async for job in client.jobs()]):  # noqa: ASYNC110 # nobody tells of it
            await asyncio.sleep(0.005)
        reader = Follower(client, jobs[0].id, "reader")
        await reader.until(told(TOKENS // 3))
        if not speaks:
            while answer(await client.state(jobs[0].id)) != counted(TOKENS // 2):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        record = await store.get(jobs[0].id)
        await store.lose(jobs[0].id, record.job.last_offset - lost, record.fence)
        if not speaks:
            while answer(await client.state(jobs[0].id)) != counted(TOKENS // 2):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        more.set()
        job = await publishing
        state = await obey(client, job.id, [reader])
        assert answer(state) == counted(TOKENS)
        assert not reader.record.snapshots


async def test_a_job_that_is_wholly_lost_ends_its_publisher() -> None:
    more = asyncio.Event()
    async with losing() as (app, address, store), client_of(address) as client:
        publishing = asyncio.create_task(publish(counting(more), app.internal_address, request_id="r"))
        while not (jobs := [job async for job in client.jobs()]):  # noqa: ASYNC110 # nobody tells of it
            await asyncio.sleep(0.005)
        await store.lose(jobs[0].id, 0, 0)
        with pytest.raises(JobNotFound):
            await publishing


async def test_a_publisher_whose_change_of_hands_was_lost_stops() -> None:
    more = asyncio.Event()
    async with losing() as (app, address, store), client_of(address) as client:
        publishing = asyncio.create_task(publish(counting(more), app.internal_address, request_id="r"))
        while not (jobs := [job async for job in client.jobs()]):  # noqa: ASYNC110 # nobody tells of it
            await asyncio.sleep(0.005)
        await store.acquire(jobs[0].id, timedelta(seconds=1), claim=Claim(seizes=True))
        with pytest.raises(LeaseLost):
            await publishing
        taken = await store.get(jobs[0].id)
        await store.lose(jobs[0].id, taken.job.last_offset, 1)
        assert (await store.get(jobs[0].id)).fence == 1


@pytest.mark.parametrize("call", ["append", "renew"])
async def test_whoever_holds_a_lease_comes_back_before_it_has_passed_whatever_the_service_asks_for(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    more, let_in = asyncio.Event(), asyncio.Event()
    refusals = [StoreUnavailable("out of reach", retry_after=timedelta(hours=1)) for _ in range(3)]
    async with losing() as (app, address, store), client_of(address) as client:
        inner = getattr(store, call)

        async def refusing(*arguments: Any, **named: Any) -> Any:
            if refusals:
                raise refusals.pop()
            let_in.set()
            return await inner(*arguments, **named)

        async with asyncio.timeout(30 * PATIENCE):
            publishing = asyncio.create_task(publish(counting(more), app.internal_address, request_id="r"))
            while not (jobs := [job async for job in client.jobs()]):  # noqa: ASYNC110 # nobody tells of it
                await asyncio.sleep(0.005)
            monkeypatch.setattr(store, call, refusing)
            await let_in.wait()
            more.set()
            job = await publishing
        assert (job.id, answer(await client.state(job.id))) == (jobs[0].id, counted(TOKENS))
