"""Row 5: the writer is frozen beyond its lease, and thaws when others have its jobs: no late event of it appears."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.chats import chunk
from tests.support.counting import RESTART, counted, counting, said, shown
from tests.support.events import answer, kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, obey, whole
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import client_of
from tests.support.talking import environment_of, question, stopping
from tests.support.upstream import Upstream, hang, sse, wait_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROUNDS = by_length(1, 3)
JOBS = 5
TOKENS = 200


async def test_a_writer_that_was_frozen_says_nothing_more_and_closes_its_upstream() -> None:
    frozen_now = asyncio.Event()
    request = question()
    request.recovery = RESTART
    async with (
        Upstream() as upstream,
        fleet(*2 * [shared().uri], environment=environment_of(upstream)) as (frozen, other),
        client_of(frozen.address) as direct,
        client_of(frozen.address, other.address) as moved,
        client_of(other.address) as client,
    ):
        late = [chunk(content=f"late {number} ") for number in range(100)]
        first = upstream.expect(sse(chunk(content="before ")), wait_for(frozen_now), sse(*late), hang())
        upstream.expect(sse(chunk(content="anew")), *stopping())
        job = await direct.start_request(request)
        readers = [Follower(reading, job.id, name) for reading, name in ((client, "elsewhere"), (moved, "moved"))]
        for reader in readers:
            await reader.until(shown("text_delta"))
        frozen.freeze()
        frozen_now.set()
        state = await obey(client, job.id, readers)
        assert answer(state) == "anew"
        assert not first.was_hung_up
        log = await whole(client, job.id)
        frozen.thaw()
        await first.hung_up()
        await frozen.service.logged(f"job {job.id} is not written here any more")
        for reading in (direct, client):
            assert await whole(reading, job.id) == log
        assert len(upstream.exchanges) == 2


@pytest.mark.parametrize("_round", range(ROUNDS))
async def test_a_writer_that_thaws_while_its_jobs_go_on_elsewhere_leaves_them_alone(_round: int) -> None:
    async with (
        fleet(*2 * [shared().uri], flush_interval="0") as (frozen, other),
        client_of(frozen.address, other.address) as moved,
        client_of(other.address) as client,
    ):
        jobs = [await moved.start_request(counting(TOKENS, 80)) for _ in range(JOBS)]
        readers = [[Follower(reading, job.id, "reader") for reading in (client, moved)] for job in jobs]
        for elsewhere, _ in readers:
            await elsewhere.until(said(20))
        frozen.freeze()
        for elsewhere, _ in readers:
            await elsewhere.until(shown("job_resumed"))
        frozen.thaw()
        for job, following in zip(jobs, readers, strict=True):
            state = await obey(client, job.id, following)
            assert answer(state) == counted(TOKENS)
            assert kinds(await whole(client, job.id)).count("job_resumed") == 1
            await frozen.service.logged(f"job {job.id} is not written here any more")
