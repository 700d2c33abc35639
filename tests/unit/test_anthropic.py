"""The producer of the Messages API against a real HTTP server: what is sent, how it fails, how it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamsvc.producers.anthropic.producer import Anthropic
from streamsvc.producers.base import Notes, UpstreamError
from streamsvc.v1 import content_pb2, job_service_pb2, state_pb2
from tests.support.chats import ask, failed, generate, said
from tests.support.families import anthropic, begun, message, named
from tests.support.folding import folded, numbered
from tests.support.upstream import Step, Upstream, close, hang, reply, sse

WHOLE = message("The capital", " of France", " is", " Paris")
RIVERS = ["0 text", "0 + Rivers", "0 +  run.", "0 completed", "usage claude-told 3/2", "finished STOP end_turn"]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def producer(upstream: Upstream) -> AsyncIterator[Anthropic]:
    made = anthropic("told", upstream.base_url, api_key="sk-secret", max_retries=0)
    yield made
    await made.close()


async def lost(upstream: Upstream, producer: Anthropic, *texts: str) -> state_pb2.JobState:
    """Return what is left of an answer whose writer is lost after these words."""
    upstream.expect(named(*begun(*texts)), hang())
    events: list[Any] = []
    generation = generate(producer)
    for _ in range(len(texts) + 1):
        events.append(await anext(generation))
    await generation.aclose()
    return folded(numbered(*events))


async def failure(producer: Anthropic) -> UpstreamError:
    error = (await failed(generate(producer, ask(model="claude"))))[1]
    assert "sk-secret" not in f"{error} {dict(error.metadata)}"
    return error


async def test_what_is_sent(upstream: Upstream, producer: Anthropic) -> None:
    exchange = upstream.expect(named(*message("Rivers", " run.")))
    parameters = job_service_pb2.GenerationParameters(temperature=0, max_tokens=9, extra_json='{"top_k": 4}')
    assert await said(generate(producer, ask(model="claude", parameters=parameters))) == RIVERS
    assert exchange.path == "/v1/messages"
    assert exchange.headers["authorization"] == "Bearer sk-secret"
    assert exchange.body == {
        "model": "claude",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "max_tokens": 9,
        "temperature": 0,
        "stream": True,
        "top_k": 4,
    }


@pytest.mark.parametrize("suffix", ["", "/", "/v1/"])
async def test_the_address_may_end_with_the_version(upstream: Upstream, suffix: str) -> None:
    producer = anthropic("told", upstream.base_url.removesuffix("/v1") + suffix)
    exchange = upstream.expect(named(*message("Rivers", " run.")))
    assert await said(generate(producer)) == RIVERS
    assert exchange.path == "/v1/messages"
    await producer.close()


async def test_closing_the_iterator_closes_the_connection(upstream: Upstream, producer: Anthropic) -> None:
    exchange = upstream.expect(named(*begun("Rivers")), hang())
    generation = generate(producer)
    assert await said(generation, 2) == RIVERS[:2]
    await generation.aclose()
    await exchange.hung_up()


async def test_the_next_request_takes_the_same_connection(upstream: Upstream, producer: Anthropic) -> None:
    exchanges = [upstream.expect(named(*message("Rivers", " run."))) for _ in range(2)]
    for _ in exchanges:
        await said(generate(producer))
    assert [exchange.connection for exchange in exchanges] == [1, 1]


def error_of(kind: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": "said of hi and of sk-secret"}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("status", "kind", "reason", "retryable"),
    [
        (400, "invalid_request_error", "REJECTED", False),
        (401, "authentication_error", "REJECTED", False),
        (404, "not_found_error", "REJECTED", False),
        (413, "request_too_large", "REJECTED", False),
        (429, "rate_limit_error", "RATE_LIMITED", True),
        (500, "api_error", "UNAVAILABLE", True),
        (529, "overloaded_error", "UNAVAILABLE", True),
    ],
)
async def test_statuses(
    upstream: Upstream, producer: Anthropic, status: int, kind: str, reason: str, retryable: bool
) -> None:
    upstream.expect(reply(status, error_of(kind)))
    error = await failure(producer)
    assert (error.reason, error.retryable) == (f"UPSTREAM_{reason}", retryable)
    assert (error.metadata["status"], error.metadata["code"]) == (str(status), kind)


async def test_a_missing_key_says_where_to_name_one(upstream: Upstream) -> None:
    upstream.expect(reply(401, error_of("authentication_error")))
    producer = anthropic("told", upstream.base_url)
    error = await failure(producer)
    assert error.message.endswith("name the variable that holds one in api_key_env of [upstreams.told]")
    await producer.close()


async def test_an_unknown_model_is_named(upstream: Upstream, producer: Anthropic) -> None:
    upstream.expect(reply(404, error_of("not_found_error")))
    assert f"the model claude or the endpoint {upstream.base_url} is not there" in (await failure(producer)).message


async def test_another_dialect_says_what_to_check(upstream: Upstream, producer: Anthropic) -> None:
    upstream.expect(sse({"choices": [{"index": 0, "delta": {"content": "hi"}}]}))
    error = await failure(producer)
    assert error.reason == "UPSTREAM_INVALID"
    assert error.message.endswith("check its kind and its base_url")


@pytest.mark.parametrize("ending", [close(), named({"type": "error", "error": {"type": "api_error"}})])
async def test_what_breaks_after_the_last_word_is_no_failure(
    upstream: Upstream, producer: Anthropic, ending: Step
) -> None:
    upstream.expect(named(*message("Rivers", " run.")[:-1]), ending)
    assert await said(generate(producer)) == RIVERS


@pytest.mark.parametrize("mode", ["final_message", "prefix", "magic"])
def test_a_mode_that_the_api_does_not_know_is_refused(mode: str) -> None:
    with pytest.raises(ValueError, match="continue_mode of upstream told must be one of auto, message, none"):
        anthropic("told", "http://127.0.0.1/v1", continue_mode=mode)


def test_it_continues_unless_it_is_told_not_to() -> None:
    assert anthropic("told", "https://api.anthropic.com/v1").continues(ask())
    assert not anthropic("told", "https://api.anthropic.com/v1", continue_mode="none").continues(ask())


async def test_an_answer_goes_on_from_before_its_last_word(upstream: Upstream, producer: Anthropic) -> None:
    state = await lost(upstream, producer, "The capital", " of France")
    exchange = upstream.expect(named(*message(" France", " is", " Paris")))
    lines = await said(generate(producer, so_far=state, notes=Notes()))
    assert lines[:3] == ["0 +  is", "0 +  Paris", "0 completed"]
    assert exchange.body["messages"][-1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "The capital of"}],
    }


async def test_an_answer_that_was_cut_behind_a_tool_of_the_upstream_is_not_at_its_end(
    upstream: Upstream, producer: Anthropic
) -> None:
    searched = content_pb2.ToolCallPart(
        call_id="srvtoolu_1",
        name="web_search",
        status=content_pb2.TOOL_CALL_STATUS_SUCCEEDED,
        runner=content_pb2.TOOL_RUNNER_UPSTREAM,
    )
    text = content_pb2.ContentPart(index=1, text=content_pb2.TextPart(text="High"))
    state = state_pb2.JobState(parts=[content_pb2.ContentPart(tool_call=searched, completed=True), text])
    upstream.expect(named(*message("High", " at nine.")))
    lines = await said(generate(producer, so_far=state))
    assert lines[:3] == ["1 anew text", "1 + High", "1 +  at nine."]


async def test_a_model_that_takes_no_prefill_says_what_to_change(upstream: Upstream, producer: Anthropic) -> None:
    state = await lost(upstream, producer, "The capital", " of France")
    upstream.expect(reply(400, error_of("invalid_request_error")))
    _, error = await failed(generate(producer, so_far=state))
    assert error.reason == "UPSTREAM_REJECTED"
    assert error.message.endswith("it was asked to go on with an answer, see continue_mode")


async def test_a_block_that_opens_without_a_word_counts_no_token(upstream: Upstream, producer: Anthropic) -> None:
    upstream.expect(named(*message("Rivers", " run.")))
    notes = Notes()
    request = ask(parameters=job_service_pb2.GenerationParameters(max_tokens=64))
    await said(generate(producer, request, notes=notes))
    assert notes.value == b"[2, 1]"


async def test_the_limit_counts_over_all_attempts(upstream: Upstream, producer: Anthropic) -> None:
    request = ask(parameters=job_service_pb2.GenerationParameters(max_tokens=64))
    state, notes = await lost(upstream, producer, "The", " capital", " of"), Notes(b"[3, 2]")
    exchange = upstream.expect(named(*message(" of", " France", stop_reason="max_tokens")))
    await said(generate(producer, request, state, notes))
    assert exchange.body["max_tokens"] == 62
