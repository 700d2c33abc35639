"""Runs of the real Pydantic AI that wait for people: what is asked, what is kept, and how the answers go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent, CallDeferred, DeferredToolRequests
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from streamsvc.adapters.keeping import Folder
from streamsvc.adapters.pydantic_ai import answer
from tests.support.adapted import APPROVE, EDIT, REJECT, RESPOND, answered, begun, decided, events_of, lines, told
from tests.support.folding import folded

DELETED: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_deleted() -> None:
    DELETED.clear()


@pytest.fixture
def keeping(tmp_path: Path) -> Folder:
    """Where runs are kept."""
    return Folder(tmp_path / "runs")


def calling(**names: str) -> dict[int, DeltaToolCall]:
    """Return a piece of a response: calls of tools, by their ids."""
    return {
        number: DeltaToolCall(name=call.partition(" ")[0], json_args=call.partition(" ")[2], tool_call_id=call_id)
        for number, (call_id, call) in enumerate(names.items())
    }


def an_agent(*responses: Sequence[Any]) -> Agent[Any, Any]:
    """Return an agent that may delete files if it is allowed to, and that may ask."""
    left = list(responses)

    async def stream(_: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        for piece in left.pop(0):
            yield piece

    model = FunctionModel(stream_function=stream, model_name="m")
    agent: Agent[Any, Any] = Agent(model, name="ann", output_type=[str, DeferredToolRequests], instructions="swordfish")

    @agent.tool_plain(requires_approval=True)
    def delete(name: str) -> str:
        """Delete a file."""
        DELETED.append(name)
        return f"{name} is gone"

    @agent.tool_plain
    def ask(what: str) -> str:
        """Ask a person."""
        raise CallDeferred(kind="question")

    return agent


def tidying() -> Agent[Any, Any]:
    """Return an agent that wants to delete two files."""
    return an_agent(["I tidy up.", calling(a='delete {"name":"a"}', b='delete {"name":"b"}')])


async def test_calls_that_need_approval_are_asked_about(keeping: Folder) -> None:
    assert await told(answer(tidying(), "Tidy up.", keeping=keeping)) == [
        "step response-1 message (ann) succeeded",
        "response-1 text 'I tidy up.'",
        """response-1 call a delete({"name":"a"}) ready""",
        """response-1 call b delete({"name":"b"}) ready""",
        "usage response-1 m 50/12",
        "question one/a tool_approval about 1 May delete run? APPROVE|REJECT|EDIT",
        "question one/b tool_approval about 2 May delete run? APPROVE|REJECT|EDIT",
        "input_required",
    ]
    assert DELETED == []


async def test_the_next_job_goes_on_with_what_was_decided(keeping: Folder) -> None:
    await events_of(answer(tidying(), "Tidy up.", keeping=keeping))
    so_far = answered("one", decided("one/a", EDIT, json='{"name":"c"}'), decided("one/b", REJECT, comment="Mine."))
    assert await told(answer(an_agent(["Done."]), keeping=keeping), so_far) == [
        "step response-1 message (ann) succeeded",
        """call a delete({"name":"c"}) succeeded 'c is gone'""",
        """call b delete({"name":"b"}) denied 'Mine.'""",
        "response-1 text 'Done.'",
        "usage response-1 m 50/2",
        "stop",
    ]
    assert DELETED == ["c"]


async def test_what_nobody_has_answered_is_asked_again_before_anything_runs(keeping: Folder) -> None:
    await events_of(answer(tidying(), "Tidy up.", keeping=keeping))
    so_far = answered("one", decided("one/b", APPROVE))
    assert await told(answer(an_agent(), keeping=keeping), so_far) == [
        """call a delete({"name":"a"}) ready""",
        "question two/a tool_approval about 0 May delete run? APPROVE|REJECT|EDIT",
        "input_required",
    ]
    assert DELETED == []
    so_far = answered("two", decided("two/a", REJECT), job_id="three")
    assert (await told(answer(an_agent(["Done."]), keeping=keeping), so_far))[1:3] == [
        """call a delete({"name":"a"}) denied 'The tool call was denied.'""",
        """call b delete({"name":"b"}) succeeded 'b is gone'""",
    ]
    assert DELETED == ["b"]


async def test_a_question_is_answered_with_json(keeping: Folder) -> None:
    asking = an_agent([calling(q='ask {"what":"Which file?"}')])
    assert (await told(answer(asking, "Tidy up.", keeping=keeping)))[-2:] == [
        "question one/q question about 0 ask asks. RESPOND|REJECT",
        "input_required",
    ]
    so_far = answered("one", decided("one/q", RESPOND, json='{"file":"a"}'))
    assert (await told(answer(an_agent(["I see."]), keeping=keeping), so_far))[1:3] == [
        """call q ask({"what":"Which file?"}) succeeded {"file":"a"}""",
        "response-1 text 'I see.'",
    ]


async def test_a_question_that_nobody_wants_to_answer_is_a_call_that_failed(keeping: Folder) -> None:
    await events_of(answer(an_agent([calling(q='ask {"what":"Which file?"}')]), "Tidy up.", keeping=keeping))
    so_far = answered("one", decided("one/q", REJECT, comment="Go away."))
    assert (await told(answer(an_agent(["Sorry."]), keeping=keeping), so_far))[1] == (
        """call q ask({"what":"Which file?"}) failed 'Go away.'"""
    )


async def test_a_process_that_is_killed_while_it_asks_asks_the_rest_and_runs_nothing(keeping: Folder) -> None:
    events = await events_of(answer(tidying(), "Tidy up.", keeping=keeping))
    whole = lines(folded(events, begun()))
    first = next(number for number, event in enumerate(events, 1) if event.HasField("input_requested"))
    for said in range(first, len(events)):
        state = folded(events[:said], begun())
        assert await told(answer(an_agent(["Nothing."]), "Tidy up.", keeping=keeping), state) == whole


async def test_a_run_that_has_nowhere_to_wait_fails() -> None:
    assert (await told(answer(tidying(), "Tidy up.")))[-1] == (
        "failed RUN_NOT_KEPT: a tool waits for people, and nothing keeps the run until then: give the adapter `keeping`"
    )


async def test_answers_to_a_run_that_is_not_kept_fail(keeping: Folder) -> None:
    assert await told(answer(an_agent(), keeping=keeping), answered("one", decided("one/a", APPROVE))) == [
        "failed RUN_NOT_KEPT: the run of job one, whose questions were answered, is not kept"
    ]


async def test_nothing_of_the_kept_run_is_said_to_readers(keeping: Folder) -> None:
    events = await events_of(answer(tidying(), "Tidy up.", keeping=keeping))
    assert b"swordfish" not in b"".join(event.SerializeToString() for event in events)
    assert "swordfish" in (await keeping.load("one") or "")
