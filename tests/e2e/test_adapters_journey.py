"""The examples of agents on the real model: killed and started again, each asks, is answered, and ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamsvc.v1 import job_pb2
from tests.support import journey
from tests.support.adapted import lines

pytestmark = pytest.mark.model

DECISIONS = {"openai-agents": "APPROVE|REJECT", "pydantic-ai": "APPROVE|REJECT|EDIT"}
"""What a person may decide about a call, by the example."""


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("example", DECISIONS)
async def test_a_room_is_booked_with_a_person_in_the_loop(example: str, model_url: str, tmp_path: Path) -> None:
    asked, done = await journey.book(example, model_url, tmp_path)
    plan, looked, next_plan, book = asked.parts
    assert plan.text.text.strip()
    assert next_plan.text.text.strip()
    assert (looked.tool_call.name, looked.tool_call.results[0].text) == ("weather", "Rome: sunny.")
    call_id = book.tool_call.call_id
    assert lines(asked)[-2:] == [
        f"question {asked.job.id}/{call_id} tool_approval about 3 May book run? {DECISIONS[example]}",
        "input_required",
    ]
    booked, told = done.parts
    assert booked.tool_call.call_id == call_id
    assert booked.tool_call.results[0].text.startswith("A room in Rome for ")
    assert told.text.text.strip()
    assert all(part.completed for part in (*asked.parts, *done.parts))
    assert [asked.job.attempt, done.job.attempt] == [2, 1]
    assert done.job.finish_reason == job_pb2.FINISH_REASON_STOP
    assert len((tmp_path / "booked.txt").read_text().splitlines()) == 1


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("example", DECISIONS)
async def test_the_agent_answers_without_streamsvc_too(example: str, model_url: str, tmp_path: Path) -> None:
    assert (await journey.hello(example, model_url, tmp_path)).strip()


@pytest.mark.parametrize("example", DECISIONS)
def test_it_takes_few_lines_more_than_without_streamsvc(example: str) -> None:
    assert len(journey.lines_added(example)) <= 15
