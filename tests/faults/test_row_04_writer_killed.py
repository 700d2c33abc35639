"""Row 4: the instance that writes is killed; another one goes on with its jobs as their recovery policies say."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.counting import CONTINUE, FAIL, RESTART, counted, counting, said
from tests.support.events import FINAL, answer, kinds, text_of
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEASE, REAPER = by_length((1.5, 0.3), (10.0, 2.0))
BUSY = 1.0
"""Seconds that a busy machine may add to what is promised."""
ROUNDS = by_length(1, 2)
TOKENS = 150


@pytest.mark.parametrize("_round", range(ROUNDS))
async def test_jobs_of_a_killed_writer_continue_restart_or_fail_within_a_lease(_round: int) -> None:
    loop = asyncio.get_running_loop()
    async with (
        fleet(*3 * [shared().uri], lease_ttl=f"{LEASE}s", reaper_interval=f"{REAPER}s") as (writer, *others),
        client_of(writer.address, others[0].address) as moved,
        client_of(others[1].address) as client,
    ):
        jobs = {policy: await moved.start_request(counting(TOKENS, 80, policy)) for policy in (CONTINUE, RESTART, FAIL)}
        readers = {
            policy: [Follower(client, job.id, "elsewhere"), Follower(moved, job.id, "moved")]
            for policy, job in jobs.items()
        }
        for elsewhere, _ in readers.values():
            await elsewhere.until(said(20))
        await writer.kill()
        killed = loop.time()
        for elsewhere, _ in readers.values():
            await elsewhere.until(lambda record: {"job_resumed", *FINAL} & {*kinds(record.events)} != set())
        assert loop.time() - killed < LEASE + REAPER + BUSY
        states = {policy: await obey(client, job.id, readers[policy]) for policy, job in jobs.items()}
        events = {policy: elsewhere.record.events for policy, (elsewhere, _) in readers.items()}
    assert answer(states[CONTINUE]) == text_of(events[CONTINUE]) == counted(TOKENS)
    assert answer(states[RESTART]) == counted(TOKENS) != text_of(events[RESTART])
    for policy in (CONTINUE, RESTART):
        (resumed,) = [event.job_resumed for event in events[policy] if event.HasField("job_resumed")]
        assert (resumed.attempt, resumed.restarted, resumed.reason) == (2, policy == RESTART, "LEASE_EXPIRED")
    assert events[FAIL][-1].job_failed.error.reason == "PRODUCER_LOST"
    assert answer(states[FAIL]) == text_of(events[FAIL])
    assert 20 <= kinds(events[FAIL]).count("text_delta") < TOKENS
