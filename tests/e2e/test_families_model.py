"""Each family's producer against a real model: llama.cpp with SmolLM2 on this machine speaks all three APIs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from streamsvc.producers.base import Finished, Notes, UpstreamError
from streamsvc.producers.model_api import ModelApi
from streamsvc.v1 import content_pb2, event_pb2, job_service_pb2, state_pb2
from tests.support.chats import ask, failed, generate, line_of, openai_chat, said, user
from tests.support.families import anthropic, openai_responses
from tests.support.folding import folded, numbered
from tests.support.model import MODEL
from tests.support.service import app, client_of
from tests.support.told_streams import told

pytestmark = pytest.mark.model
FAMILIES: dict[str, Callable[..., ModelApi[Any]]] = {
    "anthropic": anthropic,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
}


@pytest.fixture(params=sorted(FAMILIES))
async def producer(request: pytest.FixtureRequest, model_url: str) -> AsyncIterator[ModelApi[Any]]:
    made = FAMILIES[request.param]("local", model_url, default_model=MODEL)
    yield made
    await made.close()


def question(*messages: content_pb2.ChatMessage, **parameters: Any) -> job_service_pb2.StartGenerationRequest:
    sampling = job_service_pb2.GenerationParameters(**{"temperature": 0, "max_tokens": 16, **parameters})
    return ask(*messages, model=MODEL, parameters=sampling)


def text_of(state: state_pb2.JobState) -> str:
    return "".join(part.text.text for part in state.parts)


async def test_an_answer_comes_in_deltas_with_usage(producer: ModelApi[Any]) -> None:
    lines = await said(generate(producer, question(user("What is the capital of France?"))))
    deltas = [line.removeprefix("0 + ") for line in lines if line.startswith("0 + ")]
    (usage,) = [line.split() for line in lines if line.startswith("usage")]
    assert lines[0] == "0 text"
    assert len(deltas) > 3
    assert "".join(deltas).strip()
    assert usage[1] == MODEL
    assert all(int(count) > 0 for count in usage[2].split("/"))
    assert lines[-1].startswith(("finished STOP", "finished LENGTH"))


async def test_a_conversation_goes_on_over_three_turns(producer: ModelApi[Any]) -> None:
    messages = [user("I am called Ada.")]
    async with app({"local": producer}, lease_ttl=timedelta(minutes=1)) as (_, address), client_of(address) as client:
        for _ in range(3):
            state = await told(client, question(*messages))
            assert text_of(state)
            assert state.job.finish_reason
            answer = content_pb2.ChatMessage(role=content_pb2.ROLE_ASSISTANT, parts=state.parts)
            messages += [answer, user("What am I called?")]


async def test_a_call_and_its_result_are_understood(producer: ModelApi[Any]) -> None:
    call = content_pb2.ToolCallPart(
        call_id="call_1", name="weather", arguments_json="{}", status=content_pb2.TOOL_CALL_STATUS_SUCCEEDED
    )
    call.results.add(text="Twenty degrees.")
    answer = content_pb2.ChatMessage(role=content_pb2.ROLE_ASSISTANT, parts=[content_pb2.ContentPart(tool_call=call)])
    request = question(user("How warm is it?"), answer)
    request.tools.add(name="weather", description="Tells the weather.")
    assert (await said(generate(producer, request)))[-1].startswith("finished")


async def test_a_takeover_after_every_third_word_says_what_would_have_been_said(producer: ModelApi[Any]) -> None:
    request, notes = question(user("Tell me about rivers.")), Notes()
    items, noted = [], []
    async for item in generate(producer, request, notes=notes):
        items.append(item)
        noted.append(notes.value)
    whole = state_of(items)
    for cut in range(1, len(items) - 3, 3):
        # What was noted after the last of them.
        before, note = items[:cut], Notes(noted[cut])
        rest = [item async for item in generate(producer, request, state_of(before), note)]
        assert text_of(state_of(before + rest)) == text_of(whole), f"cut after {cut}"


async def test_closing_the_iterator_ends_the_answer(producer: ModelApi[Any]) -> None:
    async with aclosing(generate(producer, question(user("Tell me a story."), max_tokens=200))) as generation:
        assert line_of(await anext(generation)) == "0 text"


async def test_a_prompt_that_is_too_long_is_refused(producer: ModelApi[Any]) -> None:
    lines, error = await failed(generate(producer, question(user("word " * 5000))))
    assert lines == []
    assert (error.reason, error.retryable) == ("UPSTREAM_REJECTED", False)


async def test_an_endpoint_that_is_not_there_is_named(model_url: str) -> None:
    for make in FAMILIES.values():
        producer = make("local", model_url.removesuffix("/v1") + "/nowhere", max_retries=0)
        with pytest.raises(UpstreamError, match=r"the model smollm2 or the endpoint .*/nowhere is not there"):
            await said(generate(producer, question(user("hi"))))
        await producer.close()


def state_of(items: list[event_pb2.Event | Finished]) -> state_pb2.JobState:
    return folded(numbered(*(item for item in items if isinstance(item, event_pb2.Event))))
