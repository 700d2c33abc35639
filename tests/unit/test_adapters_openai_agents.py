"""Runs of the real OpenAI Agents SDK, with models that say a script: what each thing it tells becomes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, cast

import pytest
from agents import (
    Agent,
    ToolOutputFileContent,
    ToolOutputImage,
    ToolOutputText,
    function_tool,
    set_tracing_disabled,
)
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call
from agents.usage import Usage
from openai.types.responses import (
    ResponseCodeInterpreterToolCall,
    ResponseFileSearchToolCall,
    ResponseFunctionWebSearch,
    ResponseOutputMessage,
    ResponseOutputRefusal,
    ResponseOutputText,
    ResponseReasoningItem,
    ResponseToolSearchCall,
)
from openai.types.responses.mcp_tool_call_error import McpProtocolError
from openai.types.responses.response_code_interpreter_tool_call import OutputLogs
from openai.types.responses.response_function_web_search import ActionSearch
from openai.types.responses.response_output_item import ImageGenerationCall, McpCall
from openai.types.responses.response_output_text import AnnotationFileCitation, AnnotationURLCitation
from openai.types.responses.response_reasoning_item import Content, Summary

from streamsvc.adapters.openai_agents import answer
from tests.support.adapted import begun, events_of, lines, told
from tests.support.agents_steps import completed, in_items
from tests.support.folding import folded

set_tracing_disabled(True)


@function_tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


@function_tool
def picture() -> list[Any]:
    """Show all that a tool may give."""
    return [
        ToolOutputText(text="look"),
        ToolOutputImage(image_url="data:image/png;base64,cG5n"),
        ToolOutputImage(file_id="f1"),
        ToolOutputFileContent(file_data="cGRm", filename="a.pdf"),
        ToolOutputFileContent(file_url="http://example.com/b.csv"),
    ]


def scripted(*steps: Any) -> ScriptedModel:
    """Return a model that answers each call with the next step."""
    return ScriptedModel(steps)


def an_agent(*steps: Any, name: str = "ann", tools: Sequence[Any] = (weather, picture), **more: Any) -> Agent[Any]:
    """Return an agent whose model says these steps."""
    return Agent(name=name, model=scripted(*steps), tools=list(tools), **more)


def message(*content: ResponseOutputText | ResponseOutputRefusal) -> ResponseOutputMessage:
    """Return what the model says."""
    return ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=list(content))


async def test_texts_reasoning_calls_results_files_and_usage() -> None:
    reasoning = ResponseReasoningItem(
        id="r",
        type="reasoning",
        summary=[Summary(text="in brief", type="summary_text")],
        content=[Content(text="at length", type="reasoning_text")],
    )
    calls = [function_call("weather", {"city": "Rome"}, call_id="c1"), function_call("picture", {}, call_id="c2")]
    agent = an_agent(
        ModelStep(output=[reasoning, assistant_message("Let me see."), *calls], usage=used(10, 5)),
        ModelStep(output=[assistant_message("It is sunny.")], usage=used(20, 2)),
    )
    assert await told(answer(agent, "How is Rome?")) == [
        "step agent-1 agent ann (ann) succeeded",
        "agent-1 summary 'in brief'",
        "agent-1 reasoning 'at length'",
        "agent-1 text 'Let me see.'",
        """agent-1 call c1 weather({"city":"Rome"}) succeeded 'sunny in Rome'""",
        "agent-1 call c2 picture({}) succeeded 'look', <image/png b'png'>, <image/png f1>,"
        " <application/pdf a.pdf b'pdf'>, <text/csv http://example.com/b.csv>",
        "agent-1 text 'It is sunny.'",
        "usage agent-1 scripted-model 30/7",
        "stop",
    ]


async def test_a_call_is_written_and_then_runs() -> None:
    agent = an_agent([function_call("weather", {"city": "Rome"}, call_id="c1")], [assistant_message("Sunny.")])
    events = await events_of(answer(agent, "How is Rome?"))
    statuses = [lines(folded(events[:count]))[1].split()[-2] for count in (2, 3, 4, 6)]
    assert statuses == ["writing", "writing", "ready", "running"]


async def test_a_handoff_is_a_step_of_the_next_agent() -> None:
    bob = an_agent(ModelStep(output=[assistant_message("Bob here.")], usage=used(7, 3)), name="bob")
    ann = an_agent(ModelStep(output=[function_call("transfer_to_bob", {}, call_id="h")], usage=used(4, 1)))
    ann.handoffs = [bob]
    assert await told(answer(ann, "Give me Bob.")) == [
        "step agent-1 agent ann (ann) succeeded",
        "step agent-2 handoff ann → bob (bob) succeeded",
        """agent-1 call h transfer_to_bob({}) succeeded '{"assistant": "bob"}'""",
        "agent-2 text 'Bob here.'",
        "usage agent-1 scripted-model 4/1",
        "usage agent-2 scripted-model 7/3",
        "stop",
    ]


async def test_tools_of_the_models_api_come_with_what_they_gave() -> None:
    search = ResponseFunctionWebSearch(
        id="ws", type="web_search_call", status="completed", action=ActionSearch(type="search", query="rome")
    )
    found = ResponseFileSearchToolCall(id="fs", type="file_search_call", status="completed", queries=["rome"])
    code = ResponseCodeInterpreterToolCall(
        id="ci",
        type="code_interpreter_call",
        status="completed",
        container_id="c",
        code="print(1)",
        outputs=[OutputLogs(type="logs", logs="1")],
    )
    mcp = McpCall(id="mc", type="mcp_call", name="roll", server_label="dice", arguments='{"n":1}', output="6")
    no_dice = McpProtocolError(type="mcp_protocol_error", code=1, message="no dice")
    broken = McpCall(id="mb", type="mcp_call", name="roll", server_label="dice", arguments="{}", error=no_dice)
    image = ImageGenerationCall(id="ig", type="image_generation_call", status="completed", result="cG5n")
    unknown = ResponseToolSearchCall(
        id="ts", type="tool_search_call", arguments={}, execution="server", status="completed"
    )
    agent = an_agent(in_items(search, found, code, mcp, broken, image, unknown, assistant_message("Done.")))
    assert (await told(answer(agent, "Use all.")))[1:-1] == [
        """agent-1 call upstream ws web_search({"type":"search","query":"rome"}) succeeded""",
        """agent-1 call upstream fs file_search({"queries":["rome"]}) succeeded""",
        """agent-1 call upstream ci code_interpreter({"code":"print(1)"}) succeeded [{"logs":"1","type":"logs"}]""",
        """agent-1 call upstream mc roll({"n":1}) succeeded '6'""",
        """agent-1 call upstream mb roll({}) failed {"code":1,"message":"no dice","type":"mcp_protocol_error"}""",
        "agent-1 file <image/png b'png'>",
        "agent-1 data openai_agents.tool_search_call"
        """ {"id":"ts","arguments":{},"execution":"server","status":"completed","type":"tool_search_call"}""",
        "agent-1 text 'Done.'",
    ]


async def test_sources_are_named_with_the_text_they_support() -> None:
    cited = ResponseOutputText(
        type="output_text",
        text="As written.",
        annotations=[
            AnnotationURLCitation(type="url_citation", start_index=0, end_index=2, title="t", url="http://a"),
            AnnotationFileCitation(type="file_citation", file_id="f", filename="f.txt", index=3),
        ],
    )
    state = folded(await events_of(answer(an_agent([message(cited)]), "Cite.")))
    assert lines(state)[1] == "agent-1 text 'As written.' [http://a] [f]"
    assert [(each.start_index, each.end_index) for each in state.parts[0].text.citations] == [(0, 2), (3, 3)]


async def test_a_refusal_says_so() -> None:
    refused = message(ResponseOutputRefusal(type="refusal", refusal="I would rather not."))
    assert (await told(answer(an_agent([refused]), "Do it.")))[1:] == [
        "agent-1 refusal 'I would rather not.'",
        "usage agent-1 scripted-model 0/0",
        "refusal",
    ]


async def test_a_model_that_does_not_stream_is_told_of_at_its_end() -> None:
    async def at_once(_: object) -> AsyncIterator[Any]:
        yield completed(assistant_message("All at once."))

    agent = an_agent(ModelStep.stream(at_once))
    assert (await told(answer(agent, "Hi.")))[1:] == ["agent-1 text 'All at once.'", "stop"]


async def test_an_answer_that_is_closed_stops_the_run() -> None:
    running, stopped = asyncio.Event(), asyncio.Event()

    @function_tool
    async def wait() -> str:
        """Wait for ever."""
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return ""

    agent = an_agent([function_call("wait", {}, call_id="c")], tools=[wait])
    async with aclosing(cast(Any, answer(agent, "Wait.")(begun()))) as events:
        async for event in events:
            if event.HasField("tool_call_updated"):
                await asyncio.wait_for(running.wait(), 10)
                break
    await asyncio.wait_for(stopped.wait(), 10)


@pytest.mark.parametrize("said", range(1, 18))
async def test_a_run_that_was_killed_is_begun_again_in_the_places_of_what_it_had_said(said: int) -> None:
    def agent(*more: Any) -> Agent[Any]:
        calls = [function_call("weather", {"city": "Rome"}, call_id="c1")]
        return an_agent([assistant_message("Let me see."), *calls], [*more, assistant_message("It is sunny.")])

    whole = await told(answer(agent(), "How is Rome?"))
    state = begun()
    state = folded(await events_of(answer(agent(), "How is Rome?"), most=said), state)
    assert await told(answer(agent(), "How is Rome?"), state) == whole


async def test_what_is_not_said_again_is_emptied_and_its_step_stopped() -> None:
    bob = an_agent([assistant_message("Bob here.")], name="bob")
    ann = an_agent([assistant_message("Wait."), function_call("transfer_to_bob", {}, call_id="h")])
    ann.handoffs = [bob]
    state = folded(await events_of(answer(ann, "Hi."), most=13), begun())
    assert await told(answer(an_agent([assistant_message("Hello.")]), "Hi."), state) == [
        "step agent-1 agent ann (ann) succeeded",
        "step agent-2 handoff ann → bob (bob) cancelled",
        "agent-1 text 'Hello.'",
        "agent-1 call h transfer_to_bob() failed",
        "usage agent-1 scripted-model 0/0",
        "stop",
    ]


def used(given: int, said: int) -> Usage:
    """Return what a call of the model cost."""
    return Usage(requests=1, input_tokens=given, output_tokens=said, total_tokens=given + said)
