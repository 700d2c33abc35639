"""An answer whose writer was lost goes on: what the endpoint is asked for, and what of its answer is new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamsvc.producers.base import Notes
from streamsvc.producers.openai_chat.producer import OpenAIChat
from streamsvc.v1 import job_service_pb2, state_pb2
from tests.support.chats import ask, call, chunk, failed, generate, openai_chat, said, so_far
from tests.support.upstream import Step, Upstream, close, done, reply, sse

FRANCE = so_far(chunk(content="The capital"), chunk(content=" of France"))
PARIS = ["0 +  is", "0 +  Paris", "0 completed", "finished STOP stop"]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def producer(upstream: Upstream) -> AsyncIterator[OpenAIChat]:
    made = openai_chat("local", upstream.base_url, default_model="m", max_retries=0)
    yield made
    await made.close()


def texts(*pieces: str) -> Step:
    """Answer with these pieces, to the end."""
    return sse(*[chunk(content=piece) for piece in pieces], chunk("stop"))


def handed(upstream: Upstream) -> list[str | None]:
    """Return what each request handed the model of the answer; None if it asked for it from its start."""
    last = [exchange.body["messages"][-1] for exchange in upstream.exchanges]
    return [message["content"] if message["role"] == "assistant" else None for message in last]


async def going_on(producer: OpenAIChat, state: state_pb2.JobState, note: bytes = b"", **parameters: Any) -> list[str]:
    request = ask(parameters=job_service_pb2.GenerationParameters(**parameters))
    return await said(generate(producer, request, state, Notes(note)))


async def test_the_model_goes_on_from_before_its_last_word(upstream: Upstream, producer: OpenAIChat) -> None:
    exchange = upstream.expect(texts(" France", " is", " Paris"), done())
    assert await going_on(producer, FRANCE) == PARIS
    assert exchange.body["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "The capital of"},
    ]
    assert exchange.body["continue_final_message"] is True
    assert exchange.body["add_generation_prompt"] is False


@pytest.mark.parametrize("echo", ["The capital of", "The  capital\nof"])
async def test_an_endpoint_that_echoes(upstream: Upstream, producer: OpenAIChat, echo: str) -> None:
    upstream.expect(texts(echo, " France", " is", " Paris"), done())
    assert await going_on(producer, FRANCE) == PARIS


async def test_a_model_that_says_another_word_is_handed_the_whole(upstream: Upstream, producer: OpenAIChat) -> None:
    aside = upstream.expect(texts(" Spain", " is", " Madrid"), done())
    upstream.expect(texts(" is", " Paris"), done())
    assert await going_on(producer, FRANCE) == PARIS
    assert handed(upstream) == ["The capital of", "The capital of France"]
    await aside.hung_up()


@pytest.mark.parametrize("steps", [[chunk("stop")], [call(index=0, id="a", name="f", arguments="{}"), chunk("stop")]])
async def test_a_model_that_says_no_word_is_handed_the_whole(
    upstream: Upstream, producer: OpenAIChat, steps: list[dict[str, Any]]
) -> None:
    upstream.expect(sse(*steps), done())
    upstream.expect(texts(" is", " Paris"), done())
    assert await going_on(producer, FRANCE) == PARIS


async def test_the_end_may_be_all_that_was_missing(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(texts(" France"), done())
    assert await going_on(producer, FRANCE) == ["0 completed", "finished STOP stop"]


@pytest.mark.parametrize(
    ("before", "beginning", "again", "new"),
    [
        ("It costs ", "It", [" costs", " ", "10"], "10"),
        ("It costs ", "It", [" costs", " $", "10"], "$10"),
        ("It is unbeliev", "It is", [" unbel", "ievable", "!"], "able!"),
        ("Three fruits:\n", "Three", [" fruits:", "\n", "\n", "- Apples"], "\n- Apples"),
        ("Un", None, ["Un", "der"], "der"),
        ("\n", None, ["\n", "\n", "Hello"], "\nHello"),
        ("Ready: \U0001f469\u200d", "Ready:", [" \U0001f469", "\u200d\U0001f680", "!"], "\U0001f680!"),
    ],
)
async def test_a_cut_anywhere(
    upstream: Upstream, producer: OpenAIChat, before: str, beginning: str | None, again: list[str], new: str
) -> None:
    upstream.expect(texts(*again), done())
    *deltas, completed, finished = await going_on(producer, so_far(chunk(content=before)))
    assert "".join(line.removeprefix("0 + ") for line in deltas) == new
    assert (completed, finished) == ("0 completed", "finished STOP stop")
    assert handed(upstream) == [beginning]


async def test_nothing_was_said_yet(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(texts("Hello"), done())
    assert await going_on(producer, so_far()) == ["0 text", "0 + Hello", "0 completed", "finished STOP stop"]
    assert handed(upstream) == [None]
    assert "continue_final_message" not in upstream.exchanges[0].body


async def test_reasoning_that_has_ended_is_handed_over_and_not_repeated(
    upstream: Upstream, producer: OpenAIChat
) -> None:
    upstream.expect(sse(chunk(reasoning_content="Hm"), chunk(content=" Paris", reasoning_content="So")), texts("."))
    state = so_far(chunk(reasoning_content="Hm"), chunk(content="It is"), chunk(content=" Par"))
    assert await going_on(producer, state) == ["1 + is", "1 + .", "1 completed", "finished STOP stop"]
    assert upstream.exchanges[0].body["messages"][-1]["reasoning_content"] == "Hm"


async def test_a_model_that_thinks_again_may_go_on_with_a_call(upstream: Upstream, producer: OpenAIChat) -> None:
    thinking, calling = chunk(reasoning_content="Hm"), call(index=0, id="a", name="f", arguments="{}")
    for _ in range(2):
        upstream.expect(sse(thinking, calling, chunk("tool_calls")), done())
    assert (await going_on(producer, FRANCE))[:2] == ["0 completed", "1 call a f WRITING CALLER"]
    assert handed(upstream) == ["The capital of", "The capital of France"]


async def test_a_model_that_thinks_again_and_adds_nothing_has_ended(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(sse(chunk(reasoning_content="Hm")), texts(" France"), done())
    assert await going_on(producer, FRANCE) == ["0 completed", "finished STOP stop"]


async def test_reasoning_that_has_ended_is_not_shown_twice(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(sse(chunk(reasoning_content="Hm")), texts("Yes"), done())
    state = so_far(chunk(reasoning_content="Hm"), chunk(content="Yes"))
    del state.parts[1:]
    assert await going_on(producer, state) == ["1 text", "1 + Yes", "1 completed", "finished STOP stop"]


async def test_reasoning_under_way_is_begun_anew(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(sse(chunk(reasoning_content="Hmm")), texts("Yes"), done())
    assert await going_on(producer, so_far(chunk(reasoning_content="Let me"))) == [
        "0 anew reasoning",
        "0 + Hmm",
        "0 completed",
        "1 text",
        "1 + Yes",
        "1 completed",
        "finished STOP stop",
    ]


async def test_a_call_under_way_is_begun_anew(upstream: Upstream, producer: OpenAIChat) -> None:
    again = call(index=0, id="b", name="f", arguments="{}"), call(index=1, id="c", name="g", arguments="{}")
    upstream.expect(sse(chunk(content=" see:"), *again, chunk("tool_calls")), done())
    state = so_far(chunk(content="Let me see:"), call(index=0, id="a", name="f", arguments='{"x"'))
    assert await going_on(producer, state) == [
        "1 anew call b f WRITING CALLER",
        "1 + {}",
        "2 call c g WRITING CALLER",
        "2 + {}",
        "1 READY",
        "1 completed",
        "2 READY",
        "2 completed",
        "finished TOOL_CALLS tool_calls",
    ]
    assert handed(upstream) == ["Let me"]


async def test_a_refusal_is_begun_anew(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(sse(chunk(refusal="I cannot."), chunk("stop")), done())
    assert await going_on(producer, so_far(chunk(refusal="I can"))) == [
        "0 anew refusal",
        "0 + I cannot.",
        "0 completed",
        "finished REFUSAL stop",
    ]


async def test_calls_that_were_all_closed_need_no_model(upstream: Upstream, producer: OpenAIChat) -> None:
    state = so_far(call(index=0, id="a", name="f", arguments="{}"))
    state.parts[0].completed = True
    assert await going_on(producer, state) == ["finished TOOL_CALLS"]
    assert upstream.exchanges == []


async def test_an_endpoint_that_refuses(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(reply(400, {"error": {"message": "The capital of", "code": "last_message"}}))
    lines, error = await failed(generate(producer, None, FRANCE))
    assert (lines, error.reason, error.retryable) == ([], "UPSTREAM_REJECTED", False)
    assert error.message == (
        "the upstream local refused the request with status 400 (last_message); "
        "it was asked to go on with an answer, see continue_mode"
    )


async def test_an_endpoint_that_begins_anew_is_found_out(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(texts("The", " city", " of", " Paris"), done())
    lines, error = await failed(generate(producer, None, FRANCE))
    assert (lines, error.reason, error.retryable) == ([], "UPSTREAM_INVALID", False)
    assert error.message == "the upstream local does not go on with the answer that it is handed, see continue_mode"


async def test_an_endpoint_that_takes_the_rest_for_reasoning_is_found_out(
    upstream: Upstream, producer: OpenAIChat
) -> None:
    for _ in range(2):
        upstream.expect(sse(chunk(reasoning_content=" France is Paris"), chunk("stop")), done())
    lines, error = await failed(generate(producer, None, FRANCE))
    assert (lines, error.reason) == ([], "UPSTREAM_INVALID")


async def test_an_endpoint_that_is_not_there_is_asked_again(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(sse(chunk(content=" France")), close())
    lines, error = await failed(generate(producer, None, FRANCE))
    assert (lines, error.reason, error.retryable) == ([], "UPSTREAM_UNAVAILABLE", True)


@pytest.mark.parametrize("form", ['{"response_format": {"type": "json_object"}}', '{"grammar": "root ::= [0-9]+"}'])
async def test_an_answer_in_a_bound_form_is_asked_for_from_its_start(
    upstream: Upstream, producer: OpenAIChat, form: str
) -> None:
    state = so_far(chunk(content='{"a": 1, '))
    upstream.expect(texts('{"a"', ":1", ",", ' "b": 2}'), done())
    assert await going_on(producer, state, extra_json=form) == [
        '0 + "b": 2}',
        "0 completed",
        "finished STOP stop",
    ]
    assert handed(upstream) == [None]


async def test_an_answer_in_a_bound_form_that_is_another_one_fails(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(texts('{"b"'), done())
    request = ask(parameters=job_service_pb2.GenerationParameters(extra_json='{"json_schema": {}}'))
    lines, error = await failed(generate(producer, request, so_far(chunk(content='{"a": 1, '))))
    assert (lines, error.reason, error.retryable) == ([], "UPSTREAM_INVALID", False)


async def test_a_token_limit_counts_what_was_said(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(sse(chunk(content="The"), chunk(content=" capital"), chunk(content=" of")), close())
    notes, limited = Notes(), ask(parameters=job_service_pb2.GenerationParameters(max_tokens=8))
    await failed(generate(producer, limited, None, notes))
    upstream.expect(texts(" of", " France", " is"), done())
    state = so_far(chunk(content="The"), chunk(content=" capital"), chunk(content=" of"))
    assert (await going_on(producer, state, notes.value, max_tokens=8))[:2] == ["0 +  France", "0 +  is"]
    assert [exchange.body["max_tokens"] for exchange in upstream.exchanges] == [8, 6]


async def test_usage_of_a_stream_that_breaks_off_is_kept(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(sse({**chunk(content="Hel"), "usage": {"prompt_tokens": 3, "completion_tokens": 1}}), close())
    lines, _ = await failed(generate(producer))
    assert lines == ["0 text", "0 + Hel", "usage m 3/1"]


async def test_a_stream_that_breaks_off_before_a_word_may_be_asked_for_again(
    upstream: Upstream, producer: OpenAIChat
) -> None:
    upstream.expect(sse({**chunk(content=""), "usage": {"prompt_tokens": 3}}), close())
    lines, error = await failed(generate(producer))
    assert (lines, error.retryable) == ([], True)
