"""The instance that writes a real model's answer is killed: another one goes on with it, and no reader sees where."""

from __future__ import annotations

import pytest

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import answer, kinds
from tests.support.fleet import fleet
from tests.support.following import Follower, obey
from tests.support.model import MODEL
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="session")]

KILLED_AFTER = 8
"""How many deltas a reader was shown before the kill, of 100."""


async def test_an_answer_reads_on_after_its_writer_was_killed(model_url: str) -> None:
    sampling = pb.GenerationParameters(temperature=0, max_tokens=100)
    request = pb.StartGenerationRequest(
        prompt="Write a Python function that adds two numbers.", model=MODEL, parameters=sampling
    )
    async with (
        fleet(*2 * [shared().uri], environment={"OPENAI_BASE_URL": model_url}, flush_interval="0") as (writer, other),
        client_of(writer.address, other.address) as moved,
        client_of(other.address) as client,
    ):
        uncut = await client.start_request(request)
        whole = answer(await obey(client, uncut.id, [Follower(client, uncut.id, "uncut")]))
        job = await moved.start_request(request)
        readers = [Follower(client, job.id, "elsewhere"), Follower(moved, job.id, "moved")]
        await readers[0].until(lambda record: kinds(record.events).count("text_delta") >= KILLED_AFTER)
        await writer.kill()
        state = await obey(client, job.id, readers)
    assert answer(state) == whole
    assert [part.index for part in state.parts] == [0]
    assert state.job.attempt == 2
    (resumed,) = [event.job_resumed for event in readers[0].record.events if event.HasField("job_resumed")]
    assert not resumed.restarted
    assert state.job.producer == "openai"
