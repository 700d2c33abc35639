"""Row 7: Redis closes the subscriber connections in the middle of a job: readers are late by a poll, and exact."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.counting import counted, counting, said
from tests.support.crowd import has
from tests.support.events import answer
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLOSINGS = by_length(6, 60)
BETWEEN = 20
"""Deltas."""
ENDLESS = 1_000_000
POLL, BUSY = 0.3, by_length(0.5, 5.0)
"""Seconds: between two looks at a log, and what a busy machine may add."""


async def test_readers_are_late_by_a_poll_at_most_when_the_bus_is_cut() -> None:
    loop = asyncio.get_running_loop()
    async with (
        fleet(*2 * [shared().uri], poll_interval=f"{POLL}s") as (a, b),
        client_of(a.address) as writer,
        client_of(b.address) as client,
    ):
        job = await writer.start_request(counting(ENDLESS, 60))
        beside, elsewhere = Follower(writer, job.id, "beside"), Follower(client, job.id, "elsewhere")
        for number in range(1, CLOSINGS + 1):
            await beside.until(said(BETWEEN * number))
            # Odd times twice: the second one meets the subscription that is being made.
            for _ in range(1 + number % 2):
                await asyncio.to_thread(shared().command, "CLIENT", "KILL", "TYPE", "pubsub")
            known, began = len(beside.record.items), loop.time()
            await elsewhere.until(has(known))
            assert loop.time() - began < POLL + BUSY
        await writer.cancel(job.id)
        said_at_last = answer(await obey(client, job.id, [beside, elsewhere]))
        assert said_at_last == counted(said_at_last.count(" "))
        assert elsewhere.record.reconnects == 0
