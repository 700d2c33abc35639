"""Row 10: Redis restarts empty, or a replica without the tail is promoted; some writers live, and one dies with it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from streamsvc.client import Client
from streamsvc.errors import JobNotFound
from streamsvc.v1 import job_pb2
from tests.support.counting import counted, counting, said
from tests.support.events import answer, kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.losing import FROZEN, KINDS, Losing, losing
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS, RATE = by_length(400, 1500), 100
"""A job that still runs when Redis fails."""
KEPT, LOST = 30, 90
"""Deltas after which a loss begins, and after which Redis fails."""


async def started(client: Client, redis: Losing) -> job_pb2.Job:
    """Start a job whose place in Redis is the one that fails."""
    request = counting(TOKENS, RATE)
    request.request_id = await asyncio.to_thread(redis.new_request_id)
    return await client.start_request(request)


@pytest.mark.parametrize("kind", by_length(KINDS, KINDS + FROZEN))
async def test_what_redis_loses_is_put_back_by_writers_that_live_and_else_replaced_by_a_snapshot(kind: str) -> None:
    with losing(kind) as redis:
        async with fleet(*3 * [redis.uri], flush_interval="0") as (living, dying, other), AsyncExitStack() as opened:
            addresses = [(living, other), (dying, other), (other,)]
            at_living, at_dying, at_other = [
                await opened.enter_async_context(client_of(*[instance.address for instance in at])) for at in addresses
            ]
            alive, orphaned, deleted = [await started(client, redis) for client in (at_living, at_dying, at_living)]
            readers = {
                job.id: [Follower(client, job.id, name) for client, name in ((at_other, "elsewhere"), (at, "beside"))]
                for job, at in ((alive, at_living), (orphaned, at_dying))
            }
            for following in readers.values():
                for reader in following:
                    await reader.until(said(KEPT))
            await at_living.delete(deleted.id)
            await asyncio.to_thread(redis.replicated)
            await asyncio.to_thread(redis.keep_to_yourself)
            for following in readers.values():
                for reader in following:
                    await reader.until(said(LOST))
            await asyncio.gather(dying.kill(), asyncio.to_thread(redis.fail))

            state = await obey(at_other, alive.id, readers[alive.id], snapshots=True)
            assert (answer(state), state.job.attempt) == (counted(TOKENS), 1)
            assert all(len(reader.record.snapshots) <= 1 for reader in readers[alive.id])
            if redis.replica is None:
                await gone(at_other, orphaned.id, readers[orphaned.id])
            else:
                state = await obey(at_other, orphaned.id, readers[orphaned.id], snapshots=True)
                assert (answer(state), state.job.attempt) == (counted(TOKENS), 2)
                # Over a primary that was only frozen the new writer may have found everything, and put it back since.
                wanted = {0, 1} if redis.frozen else {1}
                assert all(len(reader.record.snapshots) in wanted for reader in readers[orphaned.id])
            await gone(at_other, deleted.id, [])
            new = await at_other.start_request(counting(10, 0))
            assert kinds((await Follower(at_living, new.id, "after").done()).events)[-1] == "job_completed"


async def gone(client: Client, job_id: str, readers: list[Follower]) -> None:
    """Fail unless the job is not found, by those who ask now and by those who have read it."""
    for reader in [*readers, Follower(client, job_id, "late")]:
        with pytest.raises(JobNotFound):
            await reader.done()
    with pytest.raises(JobNotFound):
        await client.state(job_id)
    assert job_id not in [job.id async for job in client.jobs()]
