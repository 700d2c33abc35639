"""A run of a graph that is cut off at any of its events is gone on with: nothing is lost, said twice or run twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt

from streamsvc.adapters.langgraph import answer
from streamsvc.fold import Fold
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from tests.support.langgraph_graphs import Scripted, call, spoken, thought, words

APPROVE = content_pb2.INPUT_DECISION_APPROVE
REJECT = content_pb2.INPUT_DECISION_REJECT
RESPOND = content_pb2.INPUT_DECISION_RESPOND
SUCCEEDED = content_pb2.RUN_STEP_STATUS_SUCCEEDED
LAGS = (0, 5, 12)
"""How many of the last events before a kill did not reach the service, although the graph had gone that far."""

runs: Counter[str] = Counter()
questions = {"why": 1}


@tool
async def add(a: int, b: int) -> dict[str, int]:
    """Add."""
    runs["add"] += 1
    return {"sum": a + b}


@tool
async def wipe(disk: str) -> str:
    """Wipe a disk, if people agree, and say why."""
    approval = {"type": "tool_approval", "tool_call_id": "c2", "name": "wipe", "args": {"disk": disk}}
    decision = interrupt(approval)
    whys = [interrupt("Why?") for _ in range(questions["why"])]
    runs["wipe"] += 1
    return f"{decision['type']}: {' '.join(whys)}"


@pytest.mark.parametrize("lag", LAGS)
async def test_a_run_that_is_cut_anywhere_says_in_the_end_what_a_whole_one_says(lag: int) -> None:
    whole = await Thread().run(job("j1"))
    assert [text for text in texts(whole) if text] == ["first, add", "I will add.", "It is three. "]
    for cut in range(1, whole.offset - 1, 2 if lag else 1):
        thread = Thread()
        state = await thread.run(job("j1"), cut=cut, lag=lag)
        runs.clear()
        added = any(step.title == "tools" and step.status == SUCCEEDED for step in state.steps)
        state = await thread.run(again(state))
        assert alike(state) == alike(whole), cut
        assert runs["add"] <= (0 if added else 1), cut


@pytest.mark.parametrize("kept", [False, True])
async def test_a_run_that_nothing_is_known_of_begins_anew_in_the_place_of_what_was_said(kept: bool) -> None:
    whole = await Thread().run(job("j1"))
    for cut in range(1, whole.offset - 1, 4):
        state = await Thread(kept=kept).run(job("j1"), cut=cut)
        state = await Thread(kept=kept).run(again(state))
        assert texts(state) == texts(whole), cut
        running = [step for step in state.steps if step.status == content_pb2.RUN_STEP_STATUS_RUNNING]
        assert not running


@pytest.mark.parametrize("conversation", ["c1", ""])
async def test_people_are_asked_and_the_next_jobs_go_on_with_their_answers(conversation: str) -> None:
    thread = Thread(asks=True)
    first = await thread.run(job("j1", conversation))
    (approval,) = first.input_requests
    assert first.job.finish_reason == job_pb2.FINISH_REASON_INPUT_REQUIRED
    assert (approval.type, first.parts[approval.part_index].tool_call.call_id) == ("tool_approval", "c2")
    assert first.parts[approval.part_index].tool_call.status == content_pb2.TOOL_CALL_STATUS_READY
    assert len(approval.id) <= 128
    second = await thread.run(job("j2", conversation, first, content_pb2.InputAnswer(decision=APPROVE)))
    (question,) = second.input_requests
    assert (question.type, question.message) == ("question", "Why?")
    answer = content_pb2.InputAnswer(decision=RESPOND, json='"it is old"')
    third = await thread.run(job("j3", conversation, second, answer))
    called, said = third.parts
    assert (called.tool_call.name, called.tool_call.results[0].text) == ("wipe", "approve: it is old")
    assert said.text.text == "It is done. "
    assert third.job.finish_reason == job_pb2.FINISH_REASON_STOP


@pytest.mark.parametrize("lag", LAGS)
async def test_a_job_that_asks_and_one_that_has_answers_are_cut_anywhere(lag: int) -> None:
    thread = Thread(asks=True)
    first = await thread.run(job("j1"))
    second = await thread.run(job("j2", before=first, answer=content_pb2.InputAnswer(decision=APPROVE)))
    for cut in range(1, first.offset - 1, 2 if lag else 1):
        thread = Thread(asks=True)
        state = await thread.run(again(await thread.run(job("j1"), cut=cut, lag=lag)))
        assert alike(state) == alike(first), cut
        assert len(state.input_requests) == 1
    for cut in range(1, second.offset - 1, 2 if lag else 1):
        thread = Thread(asks=True)
        asked = await thread.run(job("j1"))
        given = job("j2", before=asked, answer=content_pb2.InputAnswer(decision=APPROVE))
        # The first answer is not taken for one to the second question.
        state = await thread.run(again(await thread.run(given, cut=cut, lag=lag)))
        assert [request.message for request in state.input_requests] == ["Why?"], cut
        assert alike(state) == alike(second), cut


async def test_a_job_that_had_answered_a_later_question_and_was_cut_is_gone_on_with() -> None:
    thread = Thread(asks=True, whys=2)
    first = await thread.run(job("j1"))
    second = await thread.run(job("j2", before=first, answer=content_pb2.InputAnswer(decision=APPROVE)))
    given = job("j3", before=second, answer=content_pb2.InputAnswer(decision=RESPOND, json='"old"'))
    # Nothing of it is stored, but the graph is at the next question.
    nothing = await thread.run(given, cut=5, lag=5)
    state = await thread.run(again(nothing))
    assert [request.message for request in state.input_requests] == ["Why?"]
    last = job("j4", before=state, answer=content_pb2.InputAnswer(decision=RESPOND, json='"slow"'))
    assert (await thread.run(last)).parts[0].tool_call.results[0].text == "approve: old slow"


async def test_a_call_that_people_reject_is_denied() -> None:
    thread = Thread(asks=True)
    first = await thread.run(job("j1"))
    rejected = content_pb2.InputAnswer(decision=REJECT, comment="no")
    second = await thread.run(job("j2", before=first, answer=rejected))
    answer = content_pb2.InputAnswer(decision=RESPOND, json='"x"')
    third = await thread.run(job("j3", before=second, answer=answer))
    assert third.parts[0].tool_call.results[0].text == "reject: x"


@pytest.mark.parametrize("lag", LAGS)
async def test_calls_of_tasks_that_had_ended_are_not_made_again_and_stay(lag: int) -> None:
    await cut_anywhere(in_functions, ["one two ", "three four "], lag)


@pytest.mark.parametrize("lag", LAGS)
async def test_of_nodes_that_run_side_by_side_each_is_said_once(lag: int) -> None:
    await cut_anywhere(side_by_side, ["left one two three ", "right one "], lag)


async def cut_anywhere(graph: Callable[[], Any], wanted: list[str], lag: int) -> None:
    """Check that a graph that is cut anywhere says in the end what it says when it is not."""
    whole = await Thread(graph()).run(job("j1"))
    for cut in range(1, whole.offset - 1):
        thread = Thread(graph())
        state = await thread.run(again(await thread.run(job("j1"), cut=cut, lag=lag)))
        assert sorted(text for text in texts(state) if text) == wanted, cut
        assert len(state.steps) == len(whole.steps), cut
        assert all(step.status == SUCCEEDED for step in state.steps), cut


def in_functions() -> Any:
    """Return a flow of LangGraph's functional interface, which calls a task twice."""
    model = Scripted(scripts=[words("one two"), words("three four")])

    @task
    async def say(messages: list[Any]) -> Any:
        return await model.ainvoke(messages)

    @entrypoint(checkpointer=InMemorySaver())
    async def flow(given: Any) -> dict[str, Any]:
        first = await say([HumanMessage("x")])
        return {"messages": [first, await say([HumanMessage("x"), first])]}

    return flow


def side_by_side() -> Any:
    """Return a graph of two nodes that speak at once."""

    def speaking(text: str) -> Any:
        async def speak(state: MessagesState) -> dict[str, Any]:
            return {"messages": [await Scripted(scripts=[words(text)]).ainvoke(state["messages"])]}

        return speak

    builder = StateGraph(MessagesState).add_node("left", speaking("left one two three"))
    builder.add_node("right", speaking("right one")).add_edge(START, "left").add_edge(START, "right")
    return builder.compile(checkpointer=InMemorySaver())


class Thread:
    """A graph and what it keeps, as the processes see it that run it one after the other."""

    def __init__(self, graph: Any = None, *, asks: bool = False, kept: bool = True, whys: int = 1) -> None:
        questions["why"] = whys
        asking = [[spoken("I will wipe."), *call("c2", "wipe", disk="a")], words("It is done.")]
        adding = [
            [*map(thought, ("first, ", "add")), *map(spoken, ("I will ", "add.")), *call("c1", "add", a=1, b=2)],
            words("It is three."),
        ]
        model = Scripted(scripts=asking if asks else adding)

        async def speak(state: MessagesState) -> dict[str, Any]:
            return {"messages": [await model.ainvoke(state["messages"])]}

        inner = StateGraph(MessagesState).add_node("model", speak).add_edge(START, "model").compile()
        self._graph = graph or (
            StateGraph(MessagesState)
            .add_node("agent", inner)
            .add_node("tools", ToolNode([add, wipe]))
            .add_node("last", speak)
            .add_edge(START, "agent")
            .add_edge("agent", "tools")
            .add_edge("tools", "last")
            .compile(checkpointer=InMemorySaver() if kept else None)
        )

    async def run(self, so_far: state_pb2.JobState, *, cut: int = 0, lag: int = 0) -> state_pb2.JobState:
        """Run it for a job, to its end or until it is cut after so many events, and return what is stored."""
        events: list[event_pb2.Event] = []
        stream: Any = answer(self._graph, {"messages": [HumanMessage("go", id="asked")]})(so_far)
        async with aclosing(stream):
            async for event in stream:
                event.offset = so_far.offset + len(events) + 1
                events.append(event)
                if len(events) == cut:
                    break
        fold = Fold(so_far)
        fold.apply(events[: len(events) - lag] if cut else events)
        return fold.state()


def job(
    job_id: str,
    conversation: str = "c1",
    before: state_pb2.JobState | None = None,
    answer: content_pb2.InputAnswer | None = None,
) -> state_pb2.JobState:
    """Return a job of which nothing is said, with an answer to what the job before asked."""
    state = state_pb2.JobState(job=job_pb2.Job(id=job_id, owner="ada", conversation_id=conversation, attempt=1))
    if before is not None and answer is not None:
        answer.input_request_id = before.input_requests[0].id
        state.job.previous_job_id = before.job.id
        state.answers.append(answer)
    return state


def again(state: state_pb2.JobState) -> state_pb2.JobState:
    """Return a job as the process gets it that goes on with it."""
    state.job.attempt += 1
    return state


def alike(state: state_pb2.JobState) -> tuple[Any, ...]:
    """Return what must not depend on how often a run was cut: not the ids, nor what stands empty."""
    steps = {step.id: step for step in state.steps}
    steps_said = [(step.title, step.status) for step in state.steps]
    return steps_said, list(_parts(state, steps)), state.job.finish_reason


def _parts(state: state_pb2.JobState, steps: dict[str, content_pb2.RunStep]) -> Iterator[tuple[Any, ...]]:
    for part in state.parts:
        call = part.tool_call
        results = [result.SerializeToString() for result in call.results]
        said = (part.text.text, part.reasoning.text, call.call_id, call.arguments_json, call.status, results)
        yield (steps[part.step_id].title, part.completed, *said)


def texts(state: state_pb2.JobState) -> list[str]:
    """Return what is said, part by part."""
    return [part.text.text or part.reasoning.text for part in state.parts]
