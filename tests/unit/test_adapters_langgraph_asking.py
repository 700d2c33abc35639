"""What graphs ask people by interrupts of all shapes, and what they get back for each decision."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel

from streamsvc.adapters.langgraph import answer
from streamsvc.fold import Fold
from streamsvc.v1 import content_pb2, job_pb2, state_pb2

APPROVE, REJECT = content_pb2.INPUT_DECISION_APPROVE, content_pb2.INPUT_DECISION_REJECT
EDIT, RESPOND = content_pb2.INPUT_DECISION_EDIT, content_pb2.INPUT_DECISION_RESPOND

ACTIONS = [{"name": "send", "args": {"to": "Ada"}, "description": "Send?"}, {"name": "wipe", "args": {}}]
BATCH = {
    "action_requests": ACTIONS,
    "review_configs": [
        {"action_name": "send", "allowed_decisions": ["approve", "edit", "respond"]},
        {"action_name": "wipe", "allowed_decisions": ["approve", "reject"]},
    ],
}
"""What HumanInTheLoopMiddleware asks for all calls of a turn."""
ONE = {"type": "tool_approval", "tool_call_id": "c1", "name": "send", "args": {"to": "Ada"}, "description": "Send?"}
"""What it asks for one."""


class Age(BaseModel):
    """What a form asks."""

    years: int


def decided(
    decision: content_pb2.InputDecision.ValueType, json: str = "", comment: str = ""
) -> content_pb2.InputAnswer:
    """Return an answer whose question is not named yet."""
    return content_pb2.InputAnswer(decision=decision, json=json, comment=comment)


async def test_all_calls_of_a_turn_are_asked_for_one_by_one_and_answered_together() -> None:
    asked, got = await ask_and_answer(BATCH, decided(EDIT, '{"to": "Grace"}'), decided(REJECT, comment="never"))
    first, second = asked.input_requests
    assert [(one.type, one.message, list(one.decisions)) for one in (first, second)] == [
        ("tool_approval", "Send?", [APPROVE, EDIT, RESPOND]),
        ("tool_approval", "May wipe run?", [APPROVE, REJECT]),
    ]
    assert json.loads(first.detail_json) == {"name": "send", "args": {"to": "Ada"}}
    assert first.id != second.id
    assert [asked.parts[one.part_index].tool_call.call_id for one in (first, second)] == ["c1", "c2"]
    edited = {"name": "send", "args": {"to": "Grace"}}
    decisions = [{"type": "edit", "edited_action": edited}, {"type": "reject", "message": "never"}]
    assert got == {"decisions": decisions}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (decided(APPROVE), {"type": "approve"}),
        (decided(REJECT), {"type": "reject"}),
        (decided(RESPOND, '"it is sent"'), {"type": "respond", "message": "it is sent"}),
        (decided(RESPOND, '{"sent": 1}'), {"type": "respond", "message": '{"sent": 1}'}),
    ],
)
async def test_one_call_is_asked_for_and_gets_one_decision(given: content_pb2.InputAnswer, wanted: Any) -> None:
    asked, got = await ask_and_answer(ONE, given)
    (request,) = asked.input_requests
    assert asked.parts[request.part_index].tool_call.call_id == "c1"
    assert got == wanted


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"properties": {"type": {"enum": ["approve", "reject"]}}}, [APPROVE, REJECT]),
        ({"properties": {"type": {"const": "respond"}}}, [RESPOND]),
        ({"discriminator": {"mapping": {"edit": "#/a", "approve": "#/b"}, "propertyName": "type"}}, [EDIT, APPROVE]),
        (None, []),
    ],
)
async def test_the_schema_of_a_call_says_which_decisions_are_allowed(schema: Any, wanted: Any) -> None:
    asked = await run(graph_that_asks(ONE, schema), job("j1"))
    assert list(asked.input_requests[0].decisions) == wanted


async def test_the_call_that_was_rejected_is_denied_in_the_job_that_goes_on() -> None:
    graph = graph_that_asks(ONE)
    asked = await run(graph, job("j1"))
    call = (await run(graph, job("j2", asked, decided(REJECT)))).parts[0].tool_call
    assert (call.call_id, call.name, call.arguments_json) == ("c1", "send", '{"to": "Ada"}')
    assert (call.status, call.results[0].text) == (content_pb2.TOOL_CALL_STATUS_DENIED, "no")


@pytest.mark.parametrize(
    ("value", "given", "words", "wanted"),
    [
        ("Which?", decided(RESPOND, '{"a": [1]}'), "Which?", {"a": [1]}),
        ({"question": "Which?", "of": [1, 2]}, decided(RESPOND, '"first"'), "Which?", "first"),
        ({"draft": "Dear Ada"}, decided(APPROVE), "", True),
        (["any", "thing"], decided(REJECT), "", False),
        ("Which?", decided(REJECT, comment="neither"), "Which?", "neither"),
    ],
)
async def test_anything_else_is_a_question_and_gets_what_was_said(
    value: Any, given: content_pb2.InputAnswer, words: str, wanted: Any
) -> None:
    asked, got = await ask_and_answer(value, given)
    (request,) = asked.input_requests
    assert (request.type, request.message) == ("question", words)
    assert isinstance(value, str) or json.loads(request.detail_json) == value
    assert got == wanted


async def test_a_question_with_a_schema_shows_it() -> None:
    asked, got = await ask_and_answer("How old?", decided(RESPOND, '{"years": 36}'), schema=Age)
    assert json.loads(asked.input_requests[0].schema_json)["properties"]["years"]["type"] == "integer"
    assert got == {"years": 36}


async def test_a_breakpoint_is_asked_and_gone_on_from() -> None:
    graph = builder("no question").compile(checkpointer=InMemorySaver(), interrupt_before=["ask"])
    asked = await run(graph, job("j1"))
    (request,) = asked.input_requests
    assert (request.type, request.message, list(request.decisions)) == ("breakpoint", "Go on with ask?", [APPROVE])
    assert asked.job.finish_reason == job_pb2.FINISH_REASON_INPUT_REQUIRED
    goes_on = await run(graph, job("j2", asked, decided(APPROVE)))
    assert [one.type for one in goes_on.input_requests] == ["question"]


async def test_a_graph_that_asks_and_keeps_nothing_fails_its_job() -> None:
    graph = builder("Which?").compile()
    state = await run(graph, job("j1"))
    assert (state.job.status, state.job.error.reason) == (job_pb2.JOB_STATUS_FAILED, "RUN_NOT_KEPT")


async def test_an_answer_to_a_question_that_the_graph_has_left_fails_its_job() -> None:
    graph = graph_that_asks("Which?")
    asked = await run(graph, job("j1"))
    await run(graph, job("j2"))
    state = await run(graph, job("j3", asked, decided(APPROVE)))
    assert (state.job.status, state.job.error.reason) == (job_pb2.JOB_STATUS_FAILED, "RUN_NOT_KEPT")
    assert not state.parts


async def test_threads_of_two_people_with_the_same_conversation_are_not_one() -> None:
    heard: list[int] = []

    def count(state: MessagesState) -> dict[str, Any]:
        heard.append(len(state["messages"]))
        return {"messages": [AIMessage("hi")]}

    graph = StateGraph(MessagesState).add_node("count", count).add_edge(START, "count")
    compiled = graph.compile(checkpointer=InMemorySaver())
    for number, owner in enumerate(("ada", "ada", "eve")):
        so_far = job(f"j{number}")
        so_far.job.owner = owner
        await run(compiled, so_far)
    assert heard == [0, 1, 0]


async def ask_and_answer(
    value: Any, *answers: content_pb2.InputAnswer, schema: Any = None
) -> tuple[state_pb2.JobState, Any]:
    """Have a graph ask, and answer. Returns the job that asked, and what the graph got."""
    graph = graph_that_asks(value, schema)
    asked = await run(graph, job("j1"))
    state = await run(graph, job("j2", asked, *answers))
    return asked, json.loads(state.parts[-1].text.text)


def graph_that_asks(value: Any, schema: Any = None) -> Any:
    """Return a graph that calls two tools, asks, and says what it got."""
    return builder(value, schema).compile(checkpointer=InMemorySaver())


def builder(value: Any, schema: Any = None) -> Any:
    """Return the same before it is compiled."""

    async def call(state: MessagesState) -> dict[str, Any]:
        calls: Any = [
            {"name": action["name"], "args": action["args"], "id": f"c{number}"}
            for number, action in enumerate(ACTIONS, 1)
        ]
        return {"messages": [AIMessage("", tool_calls=calls)]}

    async def ask(state: MessagesState) -> dict[str, Any]:
        got: Any = interrupt(value, response_schema=schema)
        said = AIMessage(json.dumps(got.model_dump() if isinstance(got, BaseModel) else got))
        return {"messages": [ToolMessage("no", tool_call_id="c1", name="send", status="error"), said]}

    graph = StateGraph(MessagesState).add_node("call", call).add_node("ask", ask)
    return graph.add_edge(START, "call").add_edge("call", "ask")


def job(job_id: str, before: state_pb2.JobState | None = None, *answers: content_pb2.InputAnswer) -> state_pb2.JobState:
    """Return a job of which nothing is said, with answers to what the job before asked."""
    state = state_pb2.JobState(job=job_pb2.Job(id=job_id, owner="ada", conversation_id="c1"))
    if before is not None:
        state.job.previous_job_id = before.job.id
        for request, given in zip(before.input_requests, answers, strict=True):
            state.answers.add(
                input_request_id=request.id, decision=given.decision, json=given.json, comment=given.comment
            )
    return state


async def run(graph: Any, so_far: state_pb2.JobState) -> state_pb2.JobState:
    """Run a graph for a job, and return what is stored."""
    fold = Fold(so_far)
    async for event in answer(graph)(so_far):
        event.offset = fold.offset + 1
        fold.apply([event])
    return fold.state()
