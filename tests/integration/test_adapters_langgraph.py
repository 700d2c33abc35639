"""A worker that runs a graph of LangGraph is killed and started again: readers see one unbroken answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from streamsvc.adapters.langgraph import answer
from streamsvc.client import Client, publish
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from tests.support.fleet import fleet
from tests.support.langgraph_main import AFTER, BEFORE
from tests.support.langgraph_worker import worker
from tests.support.outside import AGENT, inside
from tests.support.outside_process import WORKERS, internal
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_worker_is_killed_before_and_after_people_were_asked(tmp_path: Path) -> None:
    async with (
        fleet(shared().uri, environment=WORKERS, claim_grace="20s") as (instance,),
        client_of(instance.address) as client,
    ):
        job = await client.start("wipe it", producer=AGENT, conversation_id="c1")
        asked, events = await killed_meanwhile(client, internal(instance), tmp_path, job.id, said(BEFORE, 10))
        (request,) = asked.input_requests
        assert asked.job.finish_reason == job_pb2.FINISH_REASON_INPUT_REQUIRED
        assert asked.parts[0].text.text.split() == BEFORE.split()
        assert asked.parts[request.part_index].tool_call.arguments_json == '{"disk": "a"}'
        assert not any(event.HasField("part_replaced") for event in events)

        approved = content_pb2.InputAnswer(input_request_id=request.id, decision=content_pb2.INPUT_DECISION_APPROVE)
        goes_on = await client.answer(job.id, [approved])
        done, events = await killed_meanwhile(client, internal(instance), tmp_path, goes_on.id, said(AFTER, 10))
        called, last = done.parts
        assert called.tool_call.results[0].text == "it was approved"
        assert last.text.text.split() == AFTER.split()
        assert not any(event.HasField("part_replaced") for event in events)
        assert (tmp_path / "wiped").read_text() == "a\n"
        assert [state.job.attempt for state in (asked, done)] == [2, 2]


async def test_a_process_of_its_own_publishes_a_run_and_later_goes_on_with_an_answer() -> None:
    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(f"{state['messages'][-1].text}: {interrupt('Really?')}")]}

    graph = StateGraph(MessagesState).add_node("ask", ask).add_edge(START, "ask").compile(checkpointer=InMemorySaver())
    message = content_pb2.ChatMessage(role=content_pb2.ROLE_USER)
    message.parts.add().text.text = "wipe it"
    async with inside() as service:
        target = service.app.internal_address
        job = await publish(answer(graph), target, messages=[message])
        assert job.finish_reason == job_pb2.FINISH_REASON_INPUT_REQUIRED
        (question,) = (await service.state(job.id)).input_requests
        assert question.message == "Really?"
        respond = content_pb2.INPUT_DECISION_RESPOND
        given = content_pb2.InputAnswer(input_request_id=question.id, decision=respond, json='"yes"')
        job = await publish(answer(graph), target, previous_job_id=job.id, answers=[given])
        state = await service.state(job.id)
        assert [part.text.text for part in state.parts] == ["wipe it: yes"]


def said(text: str, words: int) -> Callable[[state_pb2.JobState], bool]:
    """Return whether a state holds so many words of a text, and not all of them."""
    wanted = text.split()[words]
    return lambda state: any(wanted in part.text.text for part in state.parts)


async def killed_meanwhile(
    client: Client, targets: str, folder: Path, job_id: str, ready: Callable[[state_pb2.JobState], bool]
) -> tuple[state_pb2.JobState, list[event_pb2.Event]]:
    """Have a worker killed as soon as a reader has seen enough, and another one started. Returns what readers saw."""
    events: list[event_pb2.Event] = []
    async with worker("-m", "tests.support.langgraph_main", targets, os.fspath(folder)) as first:
        reader = client.stream(job_id, fold=True)
        async for event in reader:
            assert isinstance(event, event_pb2.Event)
            events.append(event)
            if event.HasField("text_delta") and ready(reader.state()):
                await first.kill()
                break
    async with worker("-m", "tests.support.langgraph_main", targets, os.fspath(folder)):
        going_on = client.resume(reader.state())
        async for event in going_on:
            assert isinstance(event, event_pb2.Event)
            events.append(event)
    return going_on.state(), events
