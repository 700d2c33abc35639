"""The chat completions producer against a real model: llama.cpp with SmolLM2 on this machine."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from streamsvc.producers.base import UpstreamError
from streamsvc.producers.openai_chat.producer import OpenAIChat
from streamsvc.v1 import content_pb2, job_service_pb2
from tests.support.chats import ask, generate, line_of, openai_chat, said, text_part, user
from tests.support.model import MODEL

pytestmark = pytest.mark.model
LIMIT = 20.0


@pytest.fixture
async def producer(model_url: str) -> AsyncIterator[OpenAIChat]:
    made = openai_chat("local", model_url, default_model=MODEL)
    yield made
    await made.close()


def question(*messages: content_pb2.ChatMessage, **parameters: Any) -> job_service_pb2.StartGenerationRequest:
    sampling = job_service_pb2.GenerationParameters(**{"temperature": 0, "max_tokens": 24, **parameters})
    return ask(*messages, model=MODEL, parameters=sampling)


async def test_an_answer_comes_in_deltas_with_usage(producer: OpenAIChat) -> None:
    lines = await said(generate(producer, question(user("What is the capital of France?"))))
    opened, *deltas, completed, usage, finished = lines
    assert (opened, completed) == ("0 text", "0 completed")
    assert len(deltas) > 3
    assert "".join(delta.removeprefix("0 + ") for delta in deltas).strip()
    model, tokens = usage.split()[1:3]
    assert model == MODEL
    assert all(int(count) > 0 for count in tokens.split("/"))
    assert finished in ("finished STOP stop", "finished LENGTH length")


async def test_a_limit_ends_the_answer(producer: OpenAIChat) -> None:
    lines = await said(generate(producer, question(user("Tell me a story."), max_tokens=4)))
    assert lines[-1] == "finished LENGTH length"
    assert any(line.startswith("usage") and line.split()[2].endswith("/4") for line in lines)


async def test_the_whole_conversation_is_read(producer: OpenAIChat) -> None:
    answer = content_pb2.ChatMessage(role=content_pb2.ROLE_ASSISTANT, parts=[text_part("Hello, Ada!")])
    system = content_pb2.ChatMessage(role=content_pb2.ROLE_SYSTEM, parts=[text_part("You are brief.")])
    short = await said(generate(producer, question(user("What am I called?"), max_tokens=2)))
    talk = question(system, user("I am called Ada."), answer, user("What am I called?"), max_tokens=2)
    assert input_tokens(await said(generate(producer, talk))) > input_tokens(short)


async def test_closing_the_iterator_ends_the_models_work(producer: OpenAIChat, model_url: str) -> None:
    request = question(user("Tell me a very long story."), max_tokens=1500)
    async with aclosing(generate(producer, request)) as items:
        assert await said(items, 3)
        assert await busy(model_url)
    async with asyncio.timeout(LIMIT):
        while await busy(model_url):
            pass


async def test_a_prompt_that_is_too_long_is_refused(producer: OpenAIChat) -> None:
    with pytest.raises(UpstreamError) as caught:
        await said(generate(producer, question(user("word " * 5000))))
    assert (caught.value.reason, caught.value.retryable) == ("UPSTREAM_REJECTED", False)
    assert caught.value.metadata["code"] == "exceed_context_size_error"


async def test_the_first_event_opens_the_answer(producer: OpenAIChat) -> None:
    async with aclosing(generate(producer, question(user("hi")))) as items:
        assert line_of(await anext(items)) == "0 text"


def input_tokens(lines: list[str]) -> int:
    (usage,) = [line for line in lines if line.startswith("usage")]
    return int(usage.split()[2].partition("/")[0])


async def busy(model_url: str) -> bool:
    """Tell whether the model works on an answer, by its own account."""

    def ask_it() -> bool:
        with urllib.request.urlopen(model_url.removesuffix("/v1") + "/slots", timeout=LIMIT) as answer:
            return any(slot["is_processing"] for slot in json.load(answer))

    return await asyncio.to_thread(ask_it)
