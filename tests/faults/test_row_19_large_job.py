"""Row 19: a job of 100,000 events and 25 MB: memory is bounded by the window, not by the log; catching up is exact."""

from __future__ import annotations

import pytest

from streamsvc.errors import StateTooLarge
from tests.support.checker import check
from tests.support.crowd import SNAPSHOT
from tests.support.events import answer
from tests.support.fleet import fleet
from tests.support.following import Follower, folded_items, obey, whole
from tests.support.length import by_length
from tests.support.redis_servers import shared
from tests.support.service import GIVING_BACK, client_of
from tests.support.talking import delta, environment_of, question, saying, stopping
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")

COUNT, SIZE = by_length((5000, 2400), (100_000, 250))
"""Deltas, and characters of each: 12 MB, and 25 MB."""
WARM = 2_400_000
"""Characters of a job before: what is made once is made then."""
MOST = COUNT * SIZE // 2
"""By how many bytes the instance that reads may grow."""


async def test_a_large_job_is_caught_up_with_in_bounded_memory_on_another_instance() -> None:
    async with (
        Upstream() as upstream,
        fleet(
            *2 * [shared().uri],
            environment={**environment_of(upstream), **GIVING_BACK},
            flush_interval="0",
        ) as (writer, reading),
        client_of(writer.address) as direct,
        client_of(reading.address) as client,
    ):
        upstream.expect(saying(WARM // SIZE, SIZE), *stopping())
        warm = await direct.start_request(question())
        await obey(client, warm.id, [Follower(client, warm.id, "warm")])
        before = reading.service.resident_bytes
        upstream.expect(saying(COUNT, SIZE), *stopping())
        job = await direct.start_request(question())
        live = await Follower(client, job.id, "live").done()
        assert reading.service.resident_bytes - before < MOST
        late = await Follower(client, job.id, "late").done()
        assert reading.service.resident_bytes - before < MOST
        snapshot = await Follower(client, job.id, "snapshot", catch_up=SNAPSHOT).done()
        state = folded_items(snapshot.items)
        check([live, late, snapshot], await whole(direct, job.id), state)
        assert answer(state) == "".join(delta(number, SIZE) for number in range(COUNT))
        assert len(live.items) > COUNT
        with pytest.raises(StateTooLarge):
            await client.state(job.id)
