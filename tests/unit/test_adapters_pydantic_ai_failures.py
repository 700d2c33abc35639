"""Runs of the real Pydantic AI that fail: why, in words that quote nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI
from pydantic_ai import Agent, CancellationToken, ModelRetry, UsageLimits, UserError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.openai import OpenAIProvider

from streamsvc.adapters.pydantic_ai import answer
from tests.support.adapted import events_of, told
from tests.support.upstream import Upstream, abort, done, reply, sse


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A model's API that follows a script."""
    async with Upstream() as running:
        yield running


@pytest.fixture
async def agent(upstream: Upstream) -> AsyncIterator[Agent[Any, Any]]:
    """An agent that speaks chat completions with that API."""
    async with AsyncOpenAI(base_url=upstream.base_url, api_key="secret", max_retries=0) as client:
        agent = Agent(OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client)), name="ann")

        @agent.tool_plain
        def weather(city: str) -> str:
            """Tell the weather."""
            return f"sunny in {city}"

        yield agent


async def test_a_run_over_chat_completions(upstream: Upstream, agent: Agent[Any, Any]) -> None:
    function = {"name": "weather", "arguments": ""}
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    upstream.expect(
        sse(
            chunk(role="assistant", reasoning_content="hm"),
            chunk(content="Let me "),
            chunk(content="see."),
            chunk(tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": function}]),
            chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"city":'}}]),
            chunk(tool_calls=[{"index": 0, "function": {"arguments": '"Rome"}'}}]),
            chunk(finish_reason="tool_calls"),
            {**chunk(), "choices": [], "usage": usage},
        ),
        done(),
    )
    upstream.expect(sse(chunk(content="Sun"), chunk(content="ny."), chunk(finish_reason="length")), done())
    assert await told(answer(agent, "How is Rome?")) == [
        "step response-1 message (ann) succeeded",
        "step response-2 message (ann) succeeded",
        "response-1 reasoning 'hm'",
        "response-1 text 'Let me see.'",
        """response-1 call c1 weather({"city":"Rome"}) succeeded 'sunny in Rome'""",
        "response-2 text 'Sunny.'",
        "usage response-1 m 9/4",
        "usage response-2 m 0/0",
        "length",
    ]


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (429, "failed UPSTREAM_RATE_LIMITED (retryable): the model's API answered with status 429"),
        (401, "failed UPSTREAM_REJECTED: the model's API answered with status 401"),
        (503, "failed UPSTREAM_UNAVAILABLE (retryable): the model's API answered with status 503"),
    ],
)
async def test_what_the_models_api_answers(upstream: Upstream, agent: Agent[Any, Any], status: int, line: str) -> None:
    upstream.expect(reply(status, {"error": {"message": "your words were: secret"}}))
    assert await told(answer(agent, "Hi.")) == [line]


async def test_an_api_that_cannot_be_reached(upstream: Upstream, agent: Agent[Any, Any]) -> None:
    upstream.expect(abort())
    assert await told(answer(agent, "Hi.")) == [
        "failed UPSTREAM_UNAVAILABLE (retryable): the model's API cannot be reached"
    ]


async def test_a_text_that_was_cut_off_stays_open(upstream: Upstream, agent: Agent[Any, Any]) -> None:
    upstream.expect(sse(chunk(content="Half a")), abort())
    assert await told(answer(agent, "Hi.")) == [
        "step response-1 message (ann) failed",
        "response-1 text 'Half a' open",
        "failed UPSTREAM_UNAVAILABLE (retryable): the model's API cannot be reached",
    ]


async def test_more_requests_than_allowed() -> None:
    agent = calling_agent("sunny")
    assert (await told(answer(agent, "Hi.", usage_limits=UsageLimits(request_limit=1))))[-1] == (
        "failed LIMIT_EXCEEDED: the run used more than its limits allow"
    )


async def test_a_tool_that_is_called_wrongly_again_and_again() -> None:
    assert (await told(answer(calling_agent(ModelRetry("no")), "Hi.")))[-1] == (
        "failed UPSTREAM_INVALID: the model did not say what the agent can use, however often asked"
    )


async def test_a_run_that_is_cancelled_by_its_own_token() -> None:
    token = CancellationToken()
    agent = calling_agent("sunny")

    @agent.tool_plain
    def stop() -> str:
        """Stop the run."""
        token.cancel()
        return "stopped"

    assert (await told(answer(agent, "Hi.", cancellation_token=token)))[-1] == "cancelled"


async def test_a_mistake_of_the_program_is_raised() -> None:
    with pytest.raises(UserError):
        await events_of(answer(calling_agent(UserError("the tool is not set up")), "Hi."))


def calling_agent(gives: str | Exception) -> Agent[Any, Any]:
    """Return an agent whose model calls a tool, which gives a text or raises."""
    agent: Agent[Any, Any] = Agent(TestModel(), name="ann")

    @agent.tool_plain
    def weather() -> str:
        """Tell the weather."""
        if isinstance(gives, Exception):
            raise gives
        return gives

    return agent


def chunk(finish_reason: str | None = None, **delta: object) -> dict[str, Any]:
    """Return a chunk of a chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
