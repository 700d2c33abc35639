"""Runs of the real Pydantic AI, with models that say a script: what each thing it tells becomes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, CustomEvent, ModelRetry, RunContext, ToolReturn
from pydantic_ai.messages import (
    Citation,
    ContentCitationAnchor,
    FilePart,
    ImageUrl,
    ModelMessage,
    NativeToolCallPart,
    NativeToolReturnPart,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    WebCitationSource,
)
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel

from streamsvc.adapters.pydantic_ai import answer
from streamsvc.adapters.pydantic_ai.told import Told
from tests.support.adapted import begun, events_of, lines, told
from tests.support.folding import folded


@dataclass(kw_only=True)
class Progress(CustomEvent):
    """What a tool tells on the way."""

    done: int


def scripted(*responses: Sequence[Any]) -> FunctionModel:
    """Return a model that answers each request with the next of these."""
    left = list(responses)

    async def stream(_: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        for piece in left.pop(0):
            yield piece

    return FunctionModel(stream_function=stream, model_name="m")


def calling(number: int, name: str, arguments: str, call_id: str) -> dict[int, DeltaToolCall]:
    """Return a piece of a response that calls a tool."""
    return {number: DeltaToolCall(name=name, json_args=arguments, tool_call_id=call_id)}


def an_agent(*responses: Sequence[Any], **more: Any) -> Agent[Any, Any]:
    """Return an agent whose model says these responses, piece by piece."""
    agent: Agent[Any, Any] = Agent(scripted(*responses), name="ann", **more)

    @agent.tool_plain
    def weather(city: str) -> dict[str, str]:
        """Tell the weather."""
        return {city: "sunny"}

    @agent.tool_plain
    def picture() -> ToolReturn[Any]:
        """Show all that a tool may give."""
        image = BinaryContent(b"png", media_type="image/png")
        return ToolReturn(["look", image, {"n": 1}], content=["beside", ImageUrl("http://example.com/a.jpg")])

    @agent.tool
    async def slow(context: RunContext[Any]) -> str:
        """Tell how far it is, and then that the question was wrong."""
        await context.emit(Progress(done=1))
        raise ModelRetry("ask for Rome")

    return agent


async def test_texts_reasoning_calls_results_files_and_usage() -> None:
    agent = an_agent(
        [
            {0: DeltaThinkingPart(content="h")},
            {0: DeltaThinkingPart(content="m")},
            "Let me ",
            "see.",
            calling(1, "weather", '{"city":', "c1"),
            {1: DeltaToolCall(json_args='"Rome"}')},
            calling(2, "picture", "{}", "c2"),
        ],
        ["It is ", "sunny."],
    )
    assert await told(answer(agent, "How is Rome?")) == [
        "step response-1 message (ann) succeeded",
        "step response-2 message (ann) succeeded",
        "response-1 reasoning 'hm'",
        "response-1 text 'Let me see.'",
        """response-1 call c1 weather({"city":"Rome"}) succeeded {"Rome":"sunny"}""",
        "response-1 call c2 picture({}) succeeded"
        """ 'look', <image/png b'png'>, {"n":1}, 'beside', <image/jpeg http://example.com/a.jpg>""",
        "response-2 text 'It is sunny.'",
        "usage response-1 m 50/13",
        "usage response-2 m 50/4",
        "stop",
    ]


async def test_a_call_is_written_and_then_runs() -> None:
    agent = an_agent([calling(0, "weather", '{"city":"Rome"}', "c1")], ["Sunny."])
    events = await events_of(answer(agent, "How is Rome?"))
    statuses = [lines(folded(events[:count]))[1].split()[-2] for count in (2, 3, 4, 5)]
    assert statuses == ["writing", "writing", "ready", "running"]


async def test_what_a_tool_tells_on_the_way_and_a_call_to_be_made_again() -> None:
    agent = an_agent([calling(0, "slow", "{}", "c1")], [calling(0, "weather", '{"city":"Rome"}', "c2")], ["Sunny."])
    events = await events_of(answer(agent, "How is it?"))
    assert [(event.custom.name, event.custom.json) for event in events if event.HasField("custom")] == [
        ("progress", '{"done":1}')
    ]
    assert lines(folded(events))[3:6] == [
        "response-1 call c1 slow({}) failed 'ask for Rome'",
        """response-2 call c2 weather({"city":"Rome"}) succeeded {"Rome":"sunny"}""",
        "response-3 text 'Sunny.'",
    ]


async def test_arguments_that_the_tool_cannot_take() -> None:
    agent = an_agent([calling(0, "weather", '{"town":"Rome"}', "c1")], ["Sunny."])
    line = (await told(answer(agent, "How is it?")))[2]
    assert line.startswith("""response-1 call c1 weather({"town":"Rome"}) failed [{"type":"missing","loc":["city"],""")


async def test_an_answer_in_a_form_is_a_call() -> None:
    class Weather(BaseModel):
        sunny: bool

    agent = an_agent([calling(0, "final_result", '{"sunny":true}', "c1")], output_type=Weather)
    assert (await told(answer(agent, "How is it?")))[1] == (
        """response-1 call c1 final_result({"sunny":true}) succeeded 'Final result processed.'"""
    )


async def test_tools_of_the_models_api_come_with_what_they_gave() -> None:
    search = NativeToolCallPart("web_search", {"query": "rome"}, "w1", provider_name="p")
    found = NativeToolReturnPart("web_search", {"found": 2}, "w1", provider_name="p")
    agent = an_agent([{0: search}, {1: found}, "Two."])
    assert (await told(answer(agent, "Search.")))[1:3] == [
        """response-1 call upstream w1 web_search({"query":"rome"}) succeeded {"found":2}""",
        "response-1 text 'Two.'",
    ]


def test_files_and_sources_of_a_model() -> None:
    hearing = Told(begun(), "ann")
    source = WebCitationSource("http://a", title="A", excerpts=["so it is"])
    cited = [Citation([source], anchor=ContentCitationAnchor(start=0, end=2))]
    for event in (
        PartStartEvent(index=0, part=FilePart(BinaryContent(b"png", media_type="image/png"))),
        PartStartEvent(index=1, part=TextPart("As written.")),
        PartEndEvent(index=1, part=TextPart("As written.")),
        # Some models name the sources when the text is over, and each time all of them.
        PartDeltaEvent(index=1, delta=TextPartDelta("", citations_delta=cited)),
        PartDeltaEvent(index=1, delta=TextPartDelta("", citations_delta=cited)),
    ):
        hearing.hear(event, list)
    state = folded(hearing.saying.end())
    assert lines(state)[1:] == [
        "response-1 file <image/png b'png'>",
        "response-1 text 'As written.' [http://a]",
        "stop",
    ]
    citation = state.parts[1].text.citations[0]
    assert (citation.start_index, citation.end_index, citation.title, citation.snippet) == (0, 2, "A", "so it is")


async def test_an_answer_that_is_cancelled_stops_the_run() -> None:
    running, stopped = asyncio.Event(), asyncio.Event()
    agent = an_agent([calling(0, "wait", "{}", "c")])

    @agent.tool_plain
    async def wait() -> str:
        """Wait for ever."""
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return ""

    answering = asyncio.create_task(events_of(answer(agent, "Wait.")))
    await asyncio.wait_for(running.wait(), 10)
    answering.cancel()
    await asyncio.wait({answering}, timeout=10)
    assert answering.cancelled()
    assert stopped.is_set()


@pytest.mark.parametrize("said", range(1, 16))
async def test_a_run_that_was_killed_is_begun_again_in_the_places_of_what_it_had_said(said: int) -> None:
    def agent() -> Agent[Any, Any]:
        call = calling(1, "weather", '{"city":"Rome"}', "c1")
        return an_agent([{0: DeltaThinkingPart(content="hm")}, "Let me ", "see.", call], ["It is ", "sunny."])

    whole = await told(answer(agent(), "How is Rome?"))
    state = folded(await events_of(answer(agent(), "How is Rome?"), most=said), begun())
    assert await told(answer(agent(), "How is Rome?"), state) == whole
