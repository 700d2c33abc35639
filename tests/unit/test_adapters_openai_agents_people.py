"""Runs of the real OpenAI Agents SDK that wait for people: what is asked, what is kept, and how the answers go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from agents import Agent, HostedMCPTool, RunContextWrapper, function_tool, set_tracing_disabled
from agents.testing import ScriptedModel, assistant_message, function_call
from openai.types.responses.response_output_item import McpApprovalRequest

from streamsvc.adapters.keeping import Folder
from streamsvc.adapters.openai_agents import answer
from tests.support.adapted import APPROVE, REJECT, answered, begun, decided, events_of, lines, told
from tests.support.agents_steps import in_items
from tests.support.folding import folded

set_tracing_disabled(True)

DELETED: list[str] = []


@function_tool(needs_approval=True)
def delete(name: str) -> str:
    """Delete a file."""
    DELETED.append(name)
    return f"{name} is gone"


@function_tool
def look(context: RunContextWrapper[Any]) -> str:
    """Look around, which needs nobody."""
    return f"{context.context} sees 2 files"


@pytest.fixture(autouse=True)
def _nothing_deleted() -> None:
    DELETED.clear()


@pytest.fixture
def keeping(tmp_path: Path) -> Folder:
    """Where runs are kept."""
    return Folder(tmp_path / "runs")


def tidying(*after: str) -> Agent[Any]:
    """Return an agent that wants to delete two files, and then says what it is told of it."""
    calls = [function_call("delete", {"name": name}, call_id=f"d-{name}") for name in ("a", "b")]
    first = [assistant_message("I tidy up."), function_call("look", {}, call_id="l"), *calls]
    model = ScriptedModel([first, *([assistant_message(text)] for text in after)])
    return Agent(name="ann", model=model, tools=[look, delete])


def going_on(text: str) -> Agent[Any]:
    """Return the same agent in another process, whose model says something after the calls."""
    return Agent(name="ann", model=ScriptedModel([[assistant_message(text)]]), tools=[look, delete])


async def test_calls_that_need_approval_are_asked_about(keeping: Folder) -> None:
    assert await told(answer(tidying(), "Tidy up.", keeping=keeping, context="Ann")) == [
        "step agent-1 agent ann (ann) succeeded",
        "agent-1 text 'I tidy up.'",
        "agent-1 call l look({}) succeeded 'Ann sees 2 files'",
        """agent-1 call d-a delete({"name":"a"}) ready""",
        """agent-1 call d-b delete({"name":"b"}) ready""",
        "usage agent-1 scripted-model 0/0",
        "question one/d-a tool_approval about 2 May delete run? APPROVE|REJECT",
        "question one/d-b tool_approval about 3 May delete run? APPROVE|REJECT",
        "input_required",
    ]
    assert DELETED == []


async def test_the_next_job_goes_on_with_what_was_decided(keeping: Folder) -> None:
    await events_of(answer(tidying(), "Tidy up.", keeping=keeping, context="Ann"))
    so_far = answered("one", decided("one/d-a", APPROVE), decided("one/d-b", REJECT, comment="I need it."))
    assert await told(answer(going_on("Done."), keeping=keeping, context="Bob"), so_far) == [
        "step agent-1 agent ann (ann) succeeded",
        """agent-1 call d-a delete({"name":"a"}) succeeded 'a is gone'""",
        """agent-1 call d-b delete({"name":"b"}) denied 'I need it.'""",
        "agent-1 text 'Done.'",
        "usage agent-1 scripted-model 0/0",
        "stop",
    ]
    assert DELETED == ["a"]


async def test_what_nobody_has_answered_is_asked_again(keeping: Folder) -> None:
    await events_of(answer(tidying(), "Tidy up.", keeping=keeping, context="Ann"))
    so_far = answered("one", decided("one/d-b", APPROVE))
    assert (await told(answer(going_on("Done."), keeping=keeping, context="Ann"), so_far))[1:] == [
        """agent-1 call d-b delete({"name":"b"}) succeeded 'b is gone'""",
        """agent-1 call d-a delete({"name":"a"}) ready""",
        "question two/d-a tool_approval about 1 May delete run? APPROVE|REJECT",
        "input_required",
    ]
    so_far = answered("two", decided("two/d-a", APPROVE), job_id="three")
    assert (await told(answer(going_on("Done."), keeping=keeping, context="Ann"), so_far))[1:-2] == [
        """agent-1 call d-a delete({"name":"a"}) succeeded 'a is gone'""",
        "agent-1 text 'Done.'",
    ]
    assert DELETED == ["b", "a"]


async def test_a_process_that_is_killed_after_an_answer_goes_on_from_the_same_place(keeping: Folder) -> None:
    await events_of(answer(tidying(), "Tidy up.", keeping=keeping, context="Ann"))
    so_far = answered("one", decided("one/d-a", APPROVE), decided("one/d-b", REJECT))
    state = folded(await events_of(answer(going_on("Do"), keeping=keeping), so_far, most=8), so_far)
    assert (await told(answer(going_on("Done."), keeping=keeping, context="Ann"), state))[-3:-2] == [
        "agent-1 text 'Done.'"
    ]
    assert DELETED == ["a", "a"]


async def test_a_process_that_is_killed_while_it_asks_asks_the_rest_and_runs_nothing(keeping: Folder) -> None:
    events = await events_of(answer(tidying(), "Tidy up.", keeping=keeping, context="Ann"))
    whole = lines(folded(events, begun()))
    first = next(number for number, event in enumerate(events, 1) if event.HasField("input_requested"))
    for said in range(first, len(events)):
        state = folded(events[:said], begun())
        assert await told(answer(going_on("Nothing."), "Tidy up.", keeping=keeping), state) == whole


async def test_a_run_that_has_nowhere_to_wait_fails() -> None:
    assert (await told(answer(tidying(), "Tidy up.", context="Ann")))[-1] == (
        "failed RUN_NOT_KEPT: a tool waits for people, and nothing keeps the run until then: give the adapter `keeping`"
    )


async def test_answers_to_a_run_that_is_not_kept_fail(keeping: Folder) -> None:
    so_far = answered("one", decided("one/d-a", APPROVE))
    assert await told(answer(going_on("Done."), keeping=keeping), so_far) == [
        "failed RUN_NOT_KEPT: the run of job one, whose questions were answered, is not kept"
    ]


async def test_nothing_of_the_kept_run_is_said_to_readers(keeping: Folder) -> None:
    agent = tidying()
    agent.instructions = "You are Ann. The password is swordfish."
    events = await events_of(answer(agent, "Tidy up.", keeping=keeping, context={"token": "hunter2"}))
    said = b"".join(event.SerializeToString() for event in events)
    assert b"swordfish" not in said
    assert b"hunter2" not in said.replace(b"{'token': 'hunter2'} sees 2 files", b"")


async def test_a_call_of_an_agent_that_is_a_tool_is_asked_about_too(keeping: Folder) -> None:
    def asking(*outer: Any) -> Agent[Any]:
        steps = ([function_call("delete", {"name": "a"}, call_id="d")], [assistant_message("It is gone.")])
        bob: Agent[Any] = Agent(name="bob", model=ScriptedModel(steps if outer[1:] else steps[1:]), tools=[delete])
        tool = bob.as_tool(tool_name="bob", tool_description="Ask Bob.")
        return Agent(name="ann", model=ScriptedModel(outer), tools=[tool])

    calls = [function_call("bob", {"input": "Tidy up."}, call_id="b")]
    asked = answer(asking(calls, [assistant_message("Done.")]), "Tidy up.", keeping=keeping)
    assert await told(asked) == [
        "step agent-1 agent ann (ann) succeeded",
        """agent-1 call b bob({"input":"Tidy up."}) running""",
        """agent-1 call d delete({"name":"a"}) ready""",
        "usage agent-1 scripted-model 0/0",
        "question one/d tool_approval about 1 May delete run? APPROVE|REJECT",
        "input_required",
    ]
    going_on = answer(asking([assistant_message("Done.")]), keeping=keeping)
    assert await told(going_on, answered("one", decided("one/d", APPROVE))) == [
        "step agent-1 agent ann (ann) succeeded",
        """agent-1 call d delete({"name":"a"}) ready""",
        "agent-1 call b bob() succeeded 'It is gone.'",
        "agent-1 text 'Done.'",
        "usage agent-1 scripted-model 0/0",
        "stop",
    ]
    assert DELETED == ["a"]


async def test_a_call_that_the_models_api_would_make_is_asked_about(keeping: Folder) -> None:
    asks = McpApprovalRequest(
        id="m", type="mcp_approval_request", name="roll", server_label="dice", arguments='{"n":1}'
    )
    config = {"type": "mcp", "server_label": "dice", "server_url": "http://127.0.0.1:9/", "require_approval": "always"}
    tools: list[Any] = [HostedMCPTool(tool_config=cast(Any, config))]
    agent: Agent[Any] = Agent(name="ann", model=ScriptedModel([in_items(asks)]), tools=tools)
    assert (await told(answer(agent, "Roll.", keeping=keeping)))[1:] == [
        """agent-1 call m roll({"n":1}) ready""",
        "question one/m tool_approval about 0 May roll run? APPROVE|REJECT",
        "input_required",
    ]
    agent = Agent(name="ann", model=ScriptedModel([[assistant_message("Done.")]]), tools=tools)
    assert (await told(answer(agent, keeping=keeping), answered("one", decided("one/m", APPROVE))))[1:] == [
        """agent-1 call m roll({"n":1}) ready""",
        "agent-1 text 'Done.'",
        "usage agent-1 scripted-model 0/0",
        "stop",
    ]
