"""The run of an AG-UI agent as the answer of a job: each of its events, and Pydantic AI's agents as they are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from ag_ui.core import BaseEvent, Event, RunAgentInput
from google.protobuf.json_format import MessageToDict
from pydantic import TypeAdapter
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
from pydantic_ai.ui.ag_ui import AGUIAdapter

from streamsvc.adapters.ag_ui import answer, events_of, request_of, to_ag_ui
from streamsvc.fold import Fold
from streamsvc.jobs.outline import Outline
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from tests.golden import make_ag_ui

RUN = RunAgentInput.model_validate(
    {"threadId": "t", "runId": "r", "messages": [{"id": "u", "role": "user", "content": "How warm is it?"}]}
)
_EVENT: TypeAdapter[Any] = TypeAdapter(Event)
_STARTED = {"type": "RUN_STARTED", "threadId": "t", "runId": "r"}
_FINISHED = {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"}


def agent_that_says(*said: dict[str, Any]) -> Any:
    """Return an agent whose run is this."""

    async def run(_: RunAgentInput) -> AsyncIterator[BaseEvent]:
        for event in said:
            yield _EVENT.validate_python(event)

    return run


async def said(agent: Any, run: RunAgentInput = RUN, so_far: state_pb2.JobState | None = None) -> state_pb2.JobState:
    """Return the job that an agent has answered."""
    fold = Fold(so_far or state_pb2.JobState(job=job_pb2.Job(id="j", previous_job_id="before")))
    offset = fold.offset
    outline = Outline(fold.state())
    async for event in answer(agent, run)(fold.state()):
        outline.check([event], 2**20)
        offset += 1
        event.offset = offset
        fold.apply([event])
    return fold.state()


async def the_run(*middle: dict[str, Any], end: dict[str, Any] = _FINISHED) -> state_pb2.JobState:
    """Return the job of a run of these events."""
    return await said(agent_that_says(_STARTED, *middle, end))


def parts(state: state_pb2.JobState) -> list[dict[str, Any]]:
    """Return the parts in short: what differs from part to part."""
    return [{k: v for k, v in MessageToDict(part).items() if k != "index"} for part in state.parts]


async def test_text_reasoning_and_what_is_sealed_with_them() -> None:
    state = await the_run(
        {"type": "REASONING_START", "messageId": "m"},
        {"type": "REASONING_MESSAGE_START", "messageId": "m", "role": "reasoning"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": "m", "delta": "Look."},
        {"type": "REASONING_MESSAGE_END", "messageId": "m"},
        {"type": "REASONING_ENCRYPTED_VALUE", "subtype": "message", "entityId": "m", "encryptedValue": "x"},
        {"type": "REASONING_END", "messageId": "m"},
        {"type": "TEXT_MESSAGE_START", "messageId": "n", "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "n", "delta": "21 "},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "n", "delta": "degrees"},
        {"type": "TEXT_MESSAGE_END", "messageId": "n"},
    )
    assert parts(state) == [
        {"reasoning": {"text": "Look."}, "completed": True, "upstreamJson": '{"encryptedValue": "x"}'},
        {"text": {"text": "21 degrees"}, "completed": True},
    ]
    assert state.job.finish_reason == job_pb2.FINISH_REASON_STOP


async def test_calls_with_results_in_steps_of_subagents() -> None:
    state = await the_run(
        {"type": "SUBAGENT_STARTED", "subagentRunId": "s1", "name": "Weather"},
        {"type": "STEP_STARTED", "stepName": "look", "subagentRunId": "s1"},
        {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "weather", "subagentRunId": "s1"},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "{}"},
        {"type": "TOOL_CALL_END", "toolCallId": "c"},
        {"type": "TOOL_CALL_RESULT", "toolCallId": "c", "messageId": "t", "content": "21"},
        {"type": "STEP_FINISHED", "stepName": "look", "subagentRunId": "s1"},
        {"type": "STEP_STARTED", "stepName": "look", "subagentRunId": "s1"},
        {"type": "STEP_FINISHED", "stepName": "look", "subagentRunId": "s1"},
        {"type": "SUBAGENT_ERROR", "subagentRunId": "s1", "message": "no"},
    )
    assert [(step.id, step.parent_id, step.status) for step in state.steps] == [
        ("s1", "", content_pb2.RUN_STEP_STATUS_FAILED),
        ("s1/look", "s1", content_pb2.RUN_STEP_STATUS_SUCCEEDED),
        ("s1/look 2", "s1", content_pb2.RUN_STEP_STATUS_SUCCEEDED),
    ]
    (part,) = state.parts
    assert (part.step_id, part.tool_call.call_id, part.tool_call.arguments_json) == ("s1/look", "c", "{}")
    assert (part.tool_call.status, part.tool_call.results[0].text) == (content_pb2.TOOL_CALL_STATUS_SUCCEEDED, "21")


async def test_chunks_begin_and_end_messages_and_calls() -> None:
    state = await the_run(
        {"type": "TEXT_MESSAGE_CHUNK", "messageId": "a", "delta": "One"},
        {"type": "TEXT_MESSAGE_CHUNK", "delta": " two"},
        {"type": "TEXT_MESSAGE_CHUNK", "messageId": "b", "delta": "Three"},
        {"type": "TOOL_CALL_CHUNK", "toolCallId": "c", "toolCallName": "weather", "delta": "{"},
        {"type": "TOOL_CALL_CHUNK", "delta": "}"},
        {"type": "REASONING_MESSAGE_CHUNK", "messageId": "d", "delta": "Hm"},
    )
    assert parts(state) == [
        {"text": {"text": "One two"}, "completed": True},
        {"text": {"text": "Three"}, "completed": True},
        {
            "toolCall": {
                "callId": "c",
                "name": "weather",
                "argumentsJson": "{}",
                "status": "TOOL_CALL_STATUS_READY",
                "runner": "TOOL_RUNNER_PRODUCER",
            },
            "completed": True,
        },
        {"reasoning": {"text": "Hm"}, "completed": True},
    ]


async def test_state_activities_and_custom_events() -> None:
    state = await the_run(
        {"type": "STATE_SNAPSHOT", "snapshot": {"plan": ["a"]}},
        {"type": "STATE_DELTA", "delta": [{"op": "add", "path": "/plan/-", "value": "b"}]},
        {"type": "STATE_DELTA", "delta": [{"op": "replace", "path": "/none", "value": 1}]},
        {"type": "ACTIVITY_SNAPSHOT", "messageId": "p", "activityType": "PLAN", "content": {"done": 0}},
        {"type": "ACTIVITY_DELTA", "messageId": "p", "activityType": "PLAN", "patch": [_replaced("/done", 1)]},
        {"type": "CUSTOM", "name": "acme.note", "value": 1},
        {"type": "RAW", "event": {"anything": True}},
        end={**_FINISHED, "result": {"ok": True}, "usage": [{"model": "m", "inputTokens": 3, "outputTokens": 2}]},
    )
    assert [(custom.key, json.loads(custom.json)) for custom in state.custom] == [
        ("ag_ui.state", {"plan": ["a", "b"]}),
        ("ag_ui.result", {"ok": True}),
    ]
    assert parts(state) == [{"data": {"name": "PLAN", "json": '{"done": 1}'}, "completed": True}]
    assert (state.usage.input_tokens, state.usage.output_tokens) == (3, 2)


def _replaced(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


async def test_an_interrupt_asks_people_and_their_answer_resumes() -> None:
    interrupt = {"id": "i", "reason": "tool_call", "message": "Send it?", "toolCallId": "c", "metadata": {"a": 1}}
    state = await the_run(
        {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "send"},
        {"type": "TOOL_CALL_END", "toolCallId": "c"},
        end={**_FINISHED, "outcome": {"type": "interrupt", "interrupts": [interrupt]}},
    )
    (request,) = state.input_requests
    assert (request.id, request.type, request.part_index, request.message) == ("j/i", "tool_approval", 0, "Send it?")
    assert state.job.finish_reason == job_pb2.FINISH_REASON_INPUT_REQUIRED

    *_, finished = [event async for event in to_ag_ui(_one(state))]
    (asked,) = finished.model_dump(by_alias=True, mode="json")["outcome"]["interrupts"]
    assert (asked["id"], asked["toolCallId"]) == ("j:j/i", "c")
    resume = [
        {"interruptId": asked["id"], "status": "resolved", "payload": {"approved": True, "editedArgs": {"to": "x"}}}
    ]
    started = request_of(RunAgentInput.model_validate({**RUN.model_dump(), "resume": resume}))
    assert (started.previous_job_id, list(started.messages)) == ("j", [])
    (decided,) = started.answers
    assert (decided.input_request_id, decided.decision) == ("j/i", content_pb2.INPUT_DECISION_EDIT)
    assert json.loads(decided.json) == {"to": "x"}


async def _one(state: state_pb2.JobState) -> AsyncIterator[state_pb2.JobState]:
    state.job.status = job_pb2.JOB_STATUS_COMPLETED
    yield state


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ({"type": "RUN_ERROR", "message": "no", "code": "TOO_MUCH"}, job_pb2.JOB_STATUS_FAILED, "TOO_MUCH"),
        ({"type": "RUN_ERROR", "message": "no", "code": "e-1"}, job_pb2.JOB_STATUS_FAILED, "AGENT_FAILED"),
        ({"type": "CUSTOM", "name": "last", "value": 0}, job_pb2.JOB_STATUS_FAILED, "UPSTREAM_UNAVAILABLE"),
        ({**_FINISHED, "outcome": {"type": "cancelled"}}, job_pb2.JOB_STATUS_CANCELLED, ""),
    ],
)
async def test_a_run_that_does_not_end_well(end: dict[str, Any], status: int, reason: str) -> None:
    state = await the_run({"type": "TEXT_MESSAGE_CHUNK", "messageId": "a", "delta": "One"}, end=end)
    assert (state.job.status, state.job.error.reason) == (status, reason)


async def test_an_agent_that_is_not_heard_any_more_is_closed() -> None:
    closed = []

    async def agent(_: RunAgentInput) -> AsyncIterator[BaseEvent]:
        try:
            while True:
                yield _EVENT.validate_python({"type": "TEXT_MESSAGE_CHUNK", "messageId": "a", "delta": "One"})
        finally:
            closed.append("agent")

    events: Any = answer(agent, RUN)(state_pb2.JobState())
    await anext(events)
    await events.aclose()
    assert closed == ["agent"]


async def test_messages_that_only_a_snapshot_tells_of_are_said_once() -> None:
    messages = [
        {"id": "u", "role": "user", "content": "How warm is it?"},
        {"id": "a", "role": "assistant", "content": "Told"},
        {"id": "b", "role": "assistant", "content": "New", "toolCalls": [_call("c")]},
        {"id": "t", "role": "tool", "toolCallId": "c", "content": "21"},
    ]
    snapshot = {"type": "MESSAGES_SNAPSHOT", "messages": messages}
    state = await the_run({"type": "TEXT_MESSAGE_CHUNK", "messageId": "a", "delta": "Told"}, snapshot, snapshot)
    assert [part.text.text or part.tool_call.results[0].text for part in state.parts] == ["Told", "New", "21"]


def _call(call_id: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "weather", "arguments": "{}"}}


async def test_an_agent_that_is_asked_again_takes_the_place_of_what_it_said() -> None:
    whole = [_STARTED, {"type": "TEXT_MESSAGE_CHUNK", "messageId": "a", "delta": "One two"}, _FINISHED]
    before = state_pb2.JobState(job=job_pb2.Job(id="j"))
    before.parts.add(index=0).text.text = "One"
    before.parts.add(index=1).reasoning.text = "Hm"
    state = await said(agent_that_says(*whole), so_far=before)
    assert [part.text.text or part.reasoning.text for part in state.parts] == ["One two", ""]


async def test_events_over_http_also_those_of_agents_before_1_0() -> None:
    said = [
        {"type": "THINKING_START"},
        {"type": "THINKING_TEXT_MESSAGE_START"},
        {"type": "THINKING_TEXT_MESSAGE_CONTENT", "delta": "Hm"},
        {"type": "THINKING_TEXT_MESSAGE_END"},
        {"type": "SOMETHING_LATER"},
        _FINISHED,
    ]
    lines = [line for event in said for line in (f"data: {json.dumps(event)}", "", ": a comment")]
    heard = [event.model_dump(by_alias=True, mode="json") async for event in events_of(_each(lines))]
    assert [event["type"] for event in heard] == [
        *("REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_END", "RUN_FINISHED"),
    ]
    assert {event.get("messageId") for event in heard[:3]} == {"thinking-1"}


async def _each(lines: Iterable[str]) -> AsyncIterator[str]:
    for line in lines:
        yield line


async def test_an_agent_of_pydantic_ai_as_it_is() -> None:
    agent = Agent(TestModel(custom_output_text="21 degrees"))

    @agent.tool_plain
    def weather(city: str) -> str:
        return f"21 in {city}"

    def run(given: RunAgentInput) -> AsyncIterator[BaseEvent]:
        return AGUIAdapter(agent, given).run_stream()

    state = await said(run)
    assert [part.WhichOneof("kind") for part in state.parts] == ["tool_call", "text"]
    assert state.parts[0].tool_call.results[0].text == "21 in a"
    assert state.parts[1].text.text == "21 degrees"
    assert all(part.completed for part in state.parts)


def test_what_a_job_tells_an_agent_may_hear_again() -> None:
    """Chains of both directions keep the ids of calls, which an agent's frontend answers by."""
    call = event_pb2.PartStarted(
        part=content_pb2.ContentPart(tool_call=content_pb2.ToolCallPart(call_id="c", name="n"))
    )
    told = make_ag_ui.told([event_pb2.Event(offset=1, part_started=call)], None)
    assert [event["toolCallId"] for event in told if event["type"] == "TOOL_CALL_START"] == ["c"]
