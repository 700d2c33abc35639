"""The instance that reads an upstream's background run is killed: another one goes on exactly where the log ends."""

from __future__ import annotations

import asyncio
import json

import pytest

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import answer, kinds
from tests.support.families import call_item, named, response, search_item, text_item
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.redis_servers import shared
from tests.support.service import client_of
from tests.support.upstream import Upstream, hang

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUN = response(
    search_item(0),
    text_item(1, "High", " at", " nine,", " they", " say."),
    call_item(2, "note", '{"text":', '"nine"}'),
)
REQUEST = pb.StartGenerationRequest(
    prompt="When?", model="m", parameters=pb.GenerationParameters(extra_json='{"background": true}')
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("told", [4, 9])
async def test_the_log_is_what_it_would_have_been(told: int) -> None:
    async with Upstream() as upstream:
        upstreams = {"told": {"kind": "openai_responses", "base_url": upstream.base_url, "continue_mode": "none"}}
        environment = {"STREAMSVC_UPSTREAMS": json.dumps(upstreams)}
        async with (
            fleet(*2 * [shared().uri], environment=environment, flush_interval="0") as (writer, other),
            client_of(writer.address, other.address) as moved,
            client_of(other.address) as client,
        ):
            upstream.expect(named(*RUN))
            uncut = await client.start_request(REQUEST)
            whole = await obey(client, uncut.id, [Follower(client, uncut.id, "uncut")])
            upstream.expect(named(*RUN[:told]), hang())
            job = await moved.start_request(REQUEST)
            reader = Follower(client, job.id, "elsewhere")
            await reader.until(lambda record: "run_step_created" in kinds(record.events))
            again = _Again(upstream)
            await writer.kill()
            await again.told()
            state = await obey(client, job.id, [reader])
    assert again.path.startswith("/v1/responses/resp_1?starting_after=")
    assert answer(state) == answer(whole) == "High at nine, they say."
    assert state.parts == whole.parts
    assert [(step.id, step.status, step.detail_json) for step in state.steps] == [
        (step.id, step.status, step.detail_json) for step in whole.steps
    ]
    assert state.usage == whole.usage
    changes = [kind for kind in kinds(reader.record.events) if kind in ("part_started", "part_completed", "custom")]
    assert changes.count("part_started") == changes.count("part_completed") == 3
    assert changes.count("custom") == 2


class _Again:
    """Answers the request that takes the run up again, from where it asks to be told."""

    def __init__(self, upstream: Upstream) -> None:
        self._asked = asyncio.Event()
        self._exchange = upstream.expect(self._tell)

    @property
    def path(self) -> str:
        """What was asked for."""
        return self._exchange.path

    async def told(self) -> None:
        """Wait until it was told."""
        await asyncio.wait_for(self._asked.wait(), 30)

    async def _tell(self, answering: object) -> None:
        after = int(self._exchange.path.partition("starting_after=")[2].partition("&")[0])
        await named(*RUN[after + 1 :])(answering)  # type: ignore[arg-type]
        self._asked.set()
