"""What a graph of LangGraph tells of its run becomes steps, parts, calls with their results, and usage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.cache.memory import InMemoryCache
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.runtime import Runtime
from langgraph.types import CachePolicy

from streamsvc.adapters.langgraph import answer
from streamsvc.v1 import content_pb2, event_pb2, job_pb2
from tests.support.langgraph_graphs import Scripted, beginning, call, counted, run, spoken, thought, words

SUCCEEDED = content_pb2.TOOL_CALL_STATUS_SUCCEEDED
FAILED = content_pb2.TOOL_CALL_STATUS_FAILED
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@dataclass
class Guest:
    """Whom a graph answers."""

    name: str


@tool
def add(a: int, b: int) -> dict[str, int]:
    """Add."""
    get_stream_writer()({"adding": [a, b]})
    return {"sum": a + b}


@tool(response_format="content_and_artifact")
def draw(what: str) -> tuple[str, Any]:
    """Draw."""
    return f"a drawing of {what}", [{"type": "image", "base64": PIXEL, "mime_type": "image/png"}]


@tool
def broken() -> str:
    """Fail."""
    raise ValueError("it is broken")


async def test_a_run_becomes_steps_within_steps_parts_calls_and_usage() -> None:
    said = await run(agent(), {"messages": [HumanMessage("add, please")]})
    state = said.state
    assert [(step.title, step.parent_id, step.status) for step in state.steps] == [
        ("agent", "", content_pb2.RUN_STEP_STATUS_SUCCEEDED),
        ("model", state.steps[0].id, content_pb2.RUN_STEP_STATUS_SUCCEEDED),
        ("tools", "", content_pb2.RUN_STEP_STATUS_SUCCEEDED),
        ("last", "", content_pb2.RUN_STEP_STATUS_SUCCEEDED),
    ]
    model, last = state.steps[1].id, state.steps[3].id
    kinds = [(part.WhichOneof("kind"), part.step_id) for part in state.parts]
    assert kinds == [("reasoning", model), ("text", model), ("tool_call", model), ("tool_call", model), ("text", last)]
    assert state.parts[0].reasoning.text == "first, add"
    assert state.parts[1].text.text == "I will add."
    assert state.parts[4].text.text == "It is three. "
    assert all(part.completed for part in state.parts)
    assert (state.job.status, state.job.finish_reason) == (
        job_pb2.JOB_STATUS_COMPLETED,
        job_pb2.FINISH_REASON_STOP,
    )
    entries = [(entry.step_id, entry.model, entry.usage.output_tokens) for entry in state.usage_entries]
    assert entries == [(model, "a-model", 7), (last, "a-model", 3)]
    assert state.usage.input_tokens == 9


async def test_a_call_is_written_read_run_and_has_its_result() -> None:
    said = await run(agent(), {"messages": [HumanMessage("add, please")]})
    added = said.state.parts[2].tool_call
    assert (added.call_id, added.name, added.arguments_json) == ("c1", "add", '{"a": 1, "b": 2}')
    assert (added.status, added.results[0].json) == (SUCCEEDED, '{"sum": 3}')
    statuses = [
        content_pb2.ToolCallStatus.Name(event.tool_call_updated.status).removeprefix("TOOL_CALL_STATUS_")
        for event in said.events
        if event.HasField("tool_call_updated") and event.tool_call_updated.part_index == 2
    ]
    assert statuses == ["READY", "RUNNING", "SUCCEEDED"]
    assert sum(event.HasField("tool_call_delta") for event in said.events) == 4


async def test_what_a_tool_gives_beside_its_text_is_a_file() -> None:
    said = await run(agent(), {"messages": [HumanMessage("add, please")]})
    drawn = said.state.parts[3].tool_call
    assert [result.WhichOneof("kind") for result in drawn.results] == ["text", "file"]
    assert drawn.results[0].text == "a drawing of three"
    assert drawn.results[1].file.media_type == "image/png"
    assert drawn.results[1].file.data.startswith(b"\x89PNG")


async def test_what_a_node_writes_to_its_stream_is_a_custom_event() -> None:
    said = await run(agent(), {"messages": [HumanMessage("add, please")]})
    assert [(event.custom.name, event.custom.json) for event in said.events if event.HasField("custom")] == [
        ("langgraph.custom", '{"adding": [1, 2]}')
    ]


async def test_only_the_keys_that_are_named_are_shown_of_updates() -> None:
    class Plan(MessagesState):
        plan: list[str]
        secret: str

    async def think(state: Plan) -> dict[str, Any]:
        return {"plan": ["look", "tell"], "secret": "hidden"}

    graph = StateGraph(Plan).add_node("think", think).add_edge(START, "think").compile()
    said = await run(graph, {"messages": []}, shown=["plan"])
    (kept,) = said.state.custom
    assert (kept.name, kept.key, kept.json) == ("langgraph.update", "plan", '["look", "tell"]')
    assert not any(b"hidden" in event.SerializeToString() for event in said.events)


async def test_a_tool_that_fails_and_one_that_no_model_called() -> None:
    async def by_hand(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(f"three is {(await add.ainvoke({'a': 1, 'b': 2}))['sum']}")]}

    scripts = [call("c1", "broken")]
    graph = (
        StateGraph(MessagesState)
        .add_node("model", lambda state: {"messages": [Scripted(scripts=scripts).invoke(state["messages"])]})
        .add_node("tools", ToolNode([broken], handle_tool_errors=True))
        .add_node("by_hand", by_hand)
        .add_edge(START, "model")
        .add_edge("model", "tools")
        .add_edge("tools", "by_hand")
        .compile()
    )
    state = (await run(graph, {"messages": [HumanMessage("try")]})).state
    failed, added = state.parts[0].tool_call, state.parts[1].tool_call
    assert (failed.status, "it is broken" in failed.results[0].text) == (FAILED, True)
    assert (added.name, added.arguments_json, added.status) == ("add", '{"a": 1, "b": 2}', SUCCEEDED)
    assert added.results[0].json == '{"sum": 3}'
    assert state.parts[1].step_id == state.steps[2].id
    assert state.parts[2].text.text == "three is 3"


async def test_calls_of_nodes_that_run_side_by_side_are_in_their_own_steps() -> None:
    async def left(state: MessagesState) -> None:
        await add.ainvoke({"a": 1, "b": 1})

    async def right(state: MessagesState) -> None:
        await add.ainvoke({"a": 2, "b": 2})

    builder = StateGraph(MessagesState).add_node("left", left).add_node("right", right)
    state = (await run(builder.add_edge(START, "left").add_edge(START, "right").compile(), {"messages": []})).state
    titles = {step.id: step.title for step in state.steps}
    said = {titles[part.step_id]: part.tool_call.results[0].json for part in state.parts}
    assert said == {"left": '{"sum": 2}', "right": '{"sum": 4}'}


async def test_messages_that_nodes_make_of_blocks_of_all_kinds() -> None:
    blocks: Any = [
        {
            "type": "text",
            "text": "See",
            "annotations": [{"type": "citation", "url": "https://a.example", "title": "A"}],
        },
        {"type": "image", "url": "https://a.example/cat.png"},
        {"type": "server_tool_call", "id": "s1", "name": "web_search", "args": {"q": "cat"}},
        {"type": "server_tool_result", "tool_call_id": "s1", "status": "success", "output": {"hits": 1}},
        {"type": "non_standard", "value": {"mood": "good"}},
    ]
    made = AIMessage(content_blocks=blocks)
    graph = StateGraph(MessagesState).add_node("say", lambda _: {"messages": [made]}).add_edge(START, "say").compile()
    text, image, searched, other = (await run(graph, {"messages": []})).state.parts
    assert (text.text.text, text.text.citations[0].url) == ("See", "https://a.example")
    assert (image.file.url, image.file.media_type) == ("https://a.example/cat.png", "image/png")
    assert searched.tool_call.runner == content_pb2.TOOL_RUNNER_UPSTREAM
    assert (searched.tool_call.status, searched.tool_call.results[0].json) == (SUCCEEDED, '{"hits": 1}')
    assert (other.data.name, other.data.json) == ("langchain.block", '{"mood": "good"}')


async def test_what_a_node_fails_with_is_raised_and_not_quoted() -> None:
    def fail(state: MessagesState) -> None:
        raise ValueError("the secret is 7")

    graph = StateGraph(MessagesState).add_node("fail", fail).add_edge(START, "fail").compile()
    events: list[event_pb2.Event] = []

    async def hear() -> None:
        async for event in answer(graph, {"messages": []})(beginning()):
            events.append(event)

    with pytest.raises(ValueError, match="secret"):
        await hear()
    (ended,) = [event.run_step_completed for event in events if event.HasField("run_step_completed")]
    assert ended.status == content_pb2.RUN_STEP_STATUS_FAILED
    assert ended.error.message == "the node fail failed with ValueError"


async def test_a_model_and_a_chain_without_a_graph() -> None:
    model = Scripted(scripts=[[thought("hm"), spoken("Yes."), *call("c1", "add", a=1, b=2), counted(3, 2)]])
    thinking, said, called = (await run(model, [HumanMessage("well?")])).state.parts
    assert (thinking.reasoning.text, said.text.text, called.tool_call.arguments_json) == (
        "hm",
        "Yes.",
        '{"a": 1, "b": 2}',
    )
    assert called.tool_call.status == content_pb2.TOOL_CALL_STATUS_READY
    chain = GenericFakeChatModel(messages=iter([AIMessage("a b c")])) | (lambda message: message.content.upper())
    assert [part.text.text for part in (await run(chain, "x")).state.parts] == ["A B C"]


async def test_a_graph_is_given_its_context() -> None:
    def greet(state: MessagesState, runtime: Runtime[Guest]) -> dict[str, Any]:
        return {"messages": [AIMessage(f"Good day, {runtime.context.name}.")]}

    graph = StateGraph(MessagesState, context_schema=Guest).add_node("greet", greet).add_edge(START, "greet").compile()
    assert (await run(graph, {"messages": []}, context=Guest("Ada"))).state.parts[0].text.text == "Good day, Ada."


async def test_a_node_that_is_answered_from_a_cache_says_what_it_said() -> None:
    model = Scripted(scripts=[words("one two")])

    async def say(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState).add_node("say", say, cache_policy=CachePolicy()).add_edge(START, "say")
    graph = builder.compile(cache=InMemoryCache[Any]())
    given = {"messages": [HumanMessage("x", id="same")]}
    first, second = [(await run(graph, given)).state for _ in range(2)]
    assert [part.text.text for part in second.parts] == [part.text.text for part in first.parts] == ["one two "]
    assert second.steps[0].status == content_pb2.RUN_STEP_STATUS_SUCCEEDED


async def test_an_input_that_is_not_given_is_what_the_job_answers() -> None:
    heard: list[Any] = []

    def listen(state: MessagesState) -> dict[str, Any]:
        heard.extend(state["messages"])
        return {"messages": [ToolMessage("no call of mine", tool_call_id="x", name="odd")]}

    graph = StateGraph(MessagesState).add_node("listen", listen).add_edge(START, "listen").compile()
    so_far = beginning()
    picture = content_pb2.FilePart(data=b"png", media_type="image/png")
    so_far.input.add(role=content_pb2.ROLE_USER).parts.extend(
        [content_pb2.ContentPart(text=content_pb2.TextPart(text="look")), content_pb2.ContentPart(file=picture)]
    )
    async for _ in answer(graph)(so_far):
        pass
    assert [block["type"] for block in heard[0].content] == ["text", "image"]
    assert heard[0].type == "human"


def agent() -> Any:
    """Return a graph of a subgraph with a model, its tools, and a last word."""
    scripts = [
        [
            *[thought(piece) for piece in ("first, ", "add")],
            *[spoken(piece) for piece in ("I will ", "add.")],
            *call("c1", "add", 2, a=1, b=2),
            *call("c2", "draw", 3, what="three"),
            counted(4, 7),
        ],
        words("It is three."),
    ]
    model = Scripted(scripts=scripts)

    async def speak(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    inner = StateGraph(MessagesState).add_node("model", speak).add_edge(START, "model").compile()
    return (
        StateGraph(MessagesState)
        .add_node("agent", inner)
        .add_node("tools", ToolNode([add, draw]))
        .add_node("last", speak)
        .add_edge(START, "agent")
        .add_edge("agent", "tools")
        .add_edge("tools", "last")
        .compile()
    )
