"""Row 17: a reader may arrive at any moment of a job's life, on any instance, and after its expiry is told so."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.client import Client
from streamsvc.errors import JobNotFound
from streamsvc.log import START
from tests.support.chats import chunk
from tests.support.checker import comparable
from tests.support.crowd import SNAPSHOT, has
from tests.support.events import answer, kinds, scripted
from tests.support.fleet import fleet
from tests.support.following import REPLAY, Follower, folded_items, obey
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of
from tests.support.talking import delta, environment_of, question, saying, stopping
from tests.support.upstream import Upstream, sse, wait_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOWS = (REPLAY, SNAPSHOT)
RETENTION = by_length(2, 12)
"""Seconds, longer than a lease."""


async def test_readers_before_the_first_and_between_the_last_and_the_final_event_and_long_after_see_all() -> None:
    asked, told = asyncio.Event(), asyncio.Event()
    async with (
        Upstream() as upstream,
        fleet(*3 * [shared().uri], environment=environment_of(upstream)) as (a, b, c),
        client_of(a.address) as writer,
        client_of(b.address) as second,
        client_of(c.address) as third,
    ):
        upstream.expect(wait_for(asked), sse(chunk(content="all "), chunk(content="that")), wait_for(told), *stopping())
        job = await writer.start_request(question())
        early = [Follower(second, job.id, "early", catch_up=how) for how in HOWS]
        await early[0].until(has(1))
        assert "text_delta" not in kinds(early[0].record.events)
        asked.set()
        await early[0].until(lambda record: "that" in str(record.events))
        between = [Follower(client, job.id, "between", catch_up=how) for client in (second, third) for how in HOWS]
        for reader in between:
            await reader.until(lambda record: answer(folded_items(record.items)) == "all that")
        told.set()
        state = await obey(third, job.id, [*early, *between])
        assert answer(state) == "all that"
        await a.kill()  # long after the end the writer may be gone
        late = [Follower(second, job.id, "late", catch_up=how) for how in HOWS]
        await obey(second, job.id, late)
        assert len(late[1].record.items) == 1


async def test_a_reader_of_a_log_that_was_trimmed_gets_a_snapshot() -> None:
    count, size = 10_000, 100
    async with (
        Upstream() as upstream,
        fleet(*2 * [shared().uri], environment=environment_of(upstream), flush_interval="0", max_log_bytes="64KiB") as (
            a,
            b,
        ),
        client_of(a.address) as writer,
        client_of(b.address) as client,
    ):
        upstream.expect(saying(count, size), *stopping())
        job = await writer.start_request(question())
        await Follower(writer, job.id, "live").done()
        for reader in (writer, client):
            late = await Follower(reader, job.id, "late").done()
            assert len(late.snapshots) == 1
            state = folded_items(late.items)
            assert answer(state) == "".join(delta(number, size) for number in range(count))
            assert comparable(state) == comparable(await client.state(job.id))


async def test_after_its_expiry_a_job_is_not_found_on_any_instance() -> None:
    loop = asyncio.get_running_loop()
    async with (
        fleet(*2 * [shared().uri], retention=f"{RETENTION}s") as (a, b),
        client_of(a.address) as writer,
        client_of(b.address) as client,
    ):
        job = await writer.start_request(scripted(tokens=20, rate=0))
        reader = Follower(client, job.id, "in time")
        await obey(client, job.id, [reader])
        ended = loop.time()
        while not await gone(client, job.id):
            assert loop.time() < ended + RETENTION + 1
            await asyncio.sleep(0.02)  # between two looks
        assert loop.time() > ended + RETENTION - 1
        cursors = (START, reader.stream.cursor)
        late = [Follower(asking, job.id, "late", cursor=cursor) for asking in (writer, client) for cursor in cursors]
        for reader in late:
            with pytest.raises(JobNotFound):
                await reader.done()
        assert await gone(writer, job.id)
        assert [listed async for listed in client.jobs()] == []


async def gone(client: Client, job_id: str) -> bool:
    """Tell whether a job is not found."""
    try:
        await client.state(job_id)
    except JobNotFound:
        return True
    return False
