"""Runs of the real OpenAI Agents SDK that fail: why, in words that quote nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrail,
    OpenAIChatCompletionsModel,
    OutputGuardrail,
    UserError,
    function_tool,
    set_tracing_disabled,
)
from agents.testing import ScriptedModel, assistant_message, function_call
from openai import AsyncOpenAI

from streamsvc.adapters.openai_agents import answer
from tests.support.adapted import events_of, told
from tests.support.upstream import Upstream, abort, done, reply, sse

set_tracing_disabled(True)


@function_tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A model's API that follows a script."""
    async with Upstream() as running:
        yield running


@pytest.fixture
async def agent(upstream: Upstream) -> AsyncIterator[Agent[Any]]:
    """An agent that speaks chat completions with that API."""
    async with AsyncOpenAI(base_url=upstream.base_url, api_key="secret", max_retries=0) as client:
        yield Agent(name="ann", model=OpenAIChatCompletionsModel("m", client), tools=[weather])


async def test_a_run_over_chat_completions(upstream: Upstream, agent: Agent[Any]) -> None:
    function = {"name": "weather", "arguments": ""}
    upstream.expect(
        sse(
            chunk(role="assistant", reasoning_content="hm"),
            chunk(content="Let me "),
            chunk(content="see."),
            chunk(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": function}]),
            chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"city":'}}]),
            chunk(tool_calls=[{"index": 0, "function": {"arguments": '"Rome"}'}}]),
            chunk(finish_reason="tool_calls"),
            {**chunk(), "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}},
        ),
        done(),
    )
    upstream.expect(sse(chunk(content="Sun"), chunk(content="ny."), chunk(finish_reason="stop")), done())
    assert await told(answer(agent, "How is Rome?")) == [
        "step agent-1 agent ann (ann) succeeded",
        "agent-1 summary 'hm'",
        "agent-1 text 'Let me see.'",
        """agent-1 call c1 weather({"city":"Rome"}) succeeded 'sunny in Rome'""",
        "agent-1 text 'Sunny.'",
        "usage agent-1 m 9/4",
        "stop",
    ]


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (429, "failed UPSTREAM_RATE_LIMITED (retryable): the model's API answered with status 429"),
        (401, "failed UPSTREAM_REJECTED: the model's API answered with status 401"),
        (503, "failed UPSTREAM_UNAVAILABLE (retryable): the model's API answered with status 503"),
    ],
)
async def test_what_the_models_api_answers(upstream: Upstream, agent: Agent[Any], status: int, line: str) -> None:
    upstream.expect(reply(status, {"error": {"message": "your words were: secret"}}))
    assert await told(answer(agent, "Hi.")) == ["step agent-1 agent ann (ann) failed", line]


async def test_an_api_that_cannot_be_reached(upstream: Upstream, agent: Agent[Any]) -> None:
    upstream.expect(abort())
    assert (await told(answer(agent, "Hi.")))[-1] == (
        "failed UPSTREAM_UNAVAILABLE (retryable): the model's API cannot be reached"
    )


async def test_a_text_that_was_cut_off_stays_open(upstream: Upstream, agent: Agent[Any]) -> None:
    upstream.expect(sse(chunk(content="Half a")), abort())
    assert await told(answer(agent, "Hi.")) == [
        "step agent-1 agent ann (ann) failed",
        "agent-1 text 'Half a' open",
        "failed UPSTREAM_UNAVAILABLE (retryable): the model's API cannot be reached",
    ]


async def test_more_turns_than_allowed() -> None:
    calls = [[function_call("weather", {"city": "Rome"}, call_id=f"c{number}")] for number in range(3)]
    agent = Agent(name="ann", model=ScriptedModel(calls), tools=[weather])
    assert (await told(answer(agent, "Hi.", max_turns=2)))[-1] == (
        "failed LIMIT_EXCEEDED: the run took more turns than it may"
    )


async def test_a_guardrail_on_the_way_in() -> None:
    agent = Agent(
        name="ann",
        model=ScriptedModel([[assistant_message("Hello.")]]),
        input_guardrails=[InputGuardrail(tripped, name="polite", run_in_parallel=False)],
    )
    assert (await told(answer(agent, "Hi.")))[-1] == "failed GUARDRAIL_TRIPPED: the guardrail polite stopped the run"


async def test_a_guardrail_on_the_way_out_leaves_what_was_said() -> None:
    agent = Agent(
        name="ann",
        model=ScriptedModel([[assistant_message("Hello.")]]),
        output_guardrails=[OutputGuardrail(tripped, name="discreet")],
    )
    assert (await told(answer(agent, "Hi.")))[1:] == [
        "agent-1 text 'Hello.'",
        "usage agent-1 scripted-model 0/0",
        "failed GUARDRAIL_TRIPPED: the guardrail discreet stopped the run",
    ]


async def test_a_call_of_a_tool_that_is_not_there() -> None:
    agent = Agent(name="ann", model=ScriptedModel([[function_call("fly", {}, call_id="c")]]))
    assert (await told(answer(agent, "Hi.")))[-1] == (
        "failed UPSTREAM_INVALID: the model said something that the SDK cannot use"
    )


async def test_a_mistake_of_the_program_is_raised() -> None:
    def broken(_context: object, _agent: object) -> str:
        raise UserError("no instructions")

    agent = Agent(name="ann", model=ScriptedModel([[assistant_message("Hello.")]]), instructions=broken)
    with pytest.raises(UserError):
        await events_of(answer(agent, "Hi."))


async def tripped(*_: object) -> GuardrailFunctionOutput:
    """Refuse all."""
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)


def chunk(finish_reason: str | None = None, **delta: object) -> dict[str, Any]:
    """Return a chunk of a chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
