"""A published answer of all kinds of events, read by one who is cut off and resumes at every offset: one fold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from streamsvc.client import publish
from streamsvc.fold import Fold
from streamsvc.v1 import job_pb2, state_pb2
from tests.golden.fold_story import Story
from tests.support.checker import comparable
from tests.support.events import Event, kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, obey, whole
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEED = 5000
EVENTS = 5000
STRIDE = by_length(50, 1)
"""How many events a reader gets before it is cut off over the wire. Without it: every one, in the other test."""


async def test_an_answer_of_all_kinds_folds_to_one_state_wherever_it_is_cut() -> None:
    story = Story(Random(SEED))

    async def answering() -> AsyncIterator[Event]:
        for _ in range(EVENTS):
            yield story.next()

    async with fleet(*2 * [shared().uri]) as (a, b), client_of(a.address, b.address) as client:
        job = await publish(answering(), a.internal_address, b.internal_address)
        state = await obey(client, job.id, [Follower(client, job.id, "uncut")])
        events = await whole(client, job.id)
        assert len(events) == EVENTS + 3
        payloads = {field.name for field in Event.DESCRIPTOR.oneofs_by_name["payload"].fields}
        assert payloads - {*kinds(events)} == {"job_resumed", "job_failed", "job_cancelled"}
        assert comparable(cut_at_each(events)) == comparable(state)

        kept, reconnects = state_pb2.JobState(), 0
        while kept.job.status != job_pb2.JOB_STATUS_COMPLETED:
            following = client.resume(kept) if kept.offset else client.stream(job.id, fold=True)
            async with following as stream:
                taken = 0
                async for _ in stream:
                    taken += 1
                    if taken == STRIDE:
                        break
                # As bytes, since that is how another process would have it.
                kept = state_pb2.JobState.FromString(stream.state().SerializeToString())
            reconnects += 1
        assert reconnects >= EVENTS // STRIDE
        assert comparable(kept) == comparable(state)


def cut_at_each(events: list[Event]) -> state_pb2.JobState:
    """Fold events one by one, each time from the bytes of the state before."""
    state = b""
    for event in events:
        fold = Fold(state_pb2.JobState.FromString(state))
        fold.apply([event])
        state = fold.state().SerializeToString()
    return state_pb2.JobState.FromString(state)
