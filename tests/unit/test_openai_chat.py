"""The producer against a real HTTP server: what is sent, what comes out, and that closing it closes the connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from streamsvc.producers.base import Producer
from streamsvc.producers.openai_chat.producer import OpenAIChat
from streamsvc.v1 import job_service_pb2
from tests.support.chats import ask, chunk, failed, generate, openai_chat, said, user
from tests.support.upstream import Upstream, close, done, hang, head_begun, raw, reply, sse, wait_for

HELLO = ["0 text", "0 + Hello"]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def producer(upstream: Upstream) -> AsyncIterator[OpenAIChat]:
    made = openai_chat("local", upstream.base_url, default_model="m", api_key="sk-secret", max_retries=0)
    yield made
    await made.close()


async def test_an_answer(upstream: Upstream, producer: OpenAIChat) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    upstream.expect(sse(chunk(role="assistant", content=""), chunk(content="Hello"), chunk("stop"), usage), done())
    assert await said(generate(producer)) == [*HELLO, "0 completed", "usage m 3/2", "finished STOP stop"]


async def test_what_is_sent(upstream: Upstream, producer: OpenAIChat) -> None:
    exchange = upstream.expect(sse(chunk("stop")), done())
    parameters = job_service_pb2.GenerationParameters(temperature=0, extra_json='{"seed": 7, "temperature": 1}')
    await said(generate(producer, ask(user("hi"), model="x", parameters=parameters)))
    assert exchange.path == "/v1/chat/completions"
    assert exchange.headers["authorization"] == "Bearer sk-secret"
    assert exchange.body == {
        "model": "x",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 1,
        "seed": 7,
    }


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_comments_and_other_fields_are_skipped(upstream: Upstream, producer: OpenAIChat, newline: str) -> None:
    comment = f": OPENROUTER PROCESSING{newline}{newline}event: message{newline}id: 1{newline}".encode()
    upstream.expect(
        raw(comment), sse(chunk(content="Hello"), newline=newline), raw(comment), sse(chunk("stop")), done()
    )
    assert await said(generate(producer), 2) == HELLO


async def test_a_line_separator_in_the_text_is_text(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(raw('data: {"choices":[{"delta":{"content":"a\u2028b\x85c"}}]}\n\n'.encode()), done())
    assert await said(generate(producer), 2) == ["0 text", "0 + a\u2028b\x85c"]


async def test_a_character_cut_in_two_by_the_network(upstream: Upstream, producer: OpenAIChat) -> None:
    data = 'data: {"choices":[{"delta":{"content":"né"}}]}\n\n'.encode()
    cut = data.index("é".encode()) + 1
    upstream.expect(raw(data[:cut]), raw(data[cut:]), done())
    assert await said(generate(producer), 2) == ["0 text", "0 + né"]


async def test_text_is_given_as_it_comes(upstream: Upstream, producer: OpenAIChat) -> None:
    more = asyncio.Event()
    upstream.expect(sse(chunk(content="Hello")), wait_for(more), sse(chunk("stop")), done())
    async with aclosing(generate(producer)) as items:
        assert await said(items, 2) == HELLO
        more.set()


async def test_the_end_may_lack_a_finish_reason(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(sse(chunk(content="Hello")), done())
    assert await said(generate(producer)) == [*HELLO, "0 completed", "finished OTHER"]


async def test_the_end_may_lack_the_closing_word(upstream: Upstream, producer: OpenAIChat) -> None:
    upstream.expect(sse(chunk("stop", content="Hello")))
    assert await said(generate(producer)) == [*HELLO, "0 completed", "finished STOP stop"]


async def test_fields_of_an_endpoints_own_wait_for_the_first_word(upstream: Upstream, producer: OpenAIChat) -> None:
    filtered = {"choices": [], "prompt_filter_results": [7]}
    upstream.expect(sse(filtered), close())
    lines, _ = await failed(generate(producer))
    assert lines == []
    upstream.expect(sse(filtered, chunk(content="Hello")), hang())
    assert await said(generate(producer), 3) == [*HELLO, "custom openai_chat.prompt_filter_results [7]"]


async def test_the_next_request_takes_the_same_connection(upstream: Upstream, producer: OpenAIChat) -> None:
    exchanges = [upstream.expect(sse(chunk("stop")), done()) for _ in range(2)]
    for _ in exchanges:
        await said(generate(producer))
    assert [exchange.connection for exchange in exchanges] == [1, 1]


async def test_an_end_that_does_not_come_is_not_waited_for(upstream: Upstream, producer: OpenAIChat) -> None:
    exchange = upstream.expect(sse(chunk("stop")), done(), hang())
    assert await said(generate(producer)) == ["finished STOP stop"]
    await exchange.hung_up()


async def test_answers_side_by_side(upstream: Upstream, producer: OpenAIChat) -> None:
    go = asyncio.Event()
    exchanges = [upstream.expect(wait_for(go), sse(chunk("stop")), done()) for _ in range(2)]
    both = [asyncio.create_task(said(generate(producer))) for _ in exchanges]
    for exchange in exchanges:
        await exchange.arrived()
    go.set()
    assert await asyncio.gather(*both) == [["finished STOP stop"]] * 2


async def test_closing_the_iterator_closes_the_connection(upstream: Upstream, producer: OpenAIChat) -> None:
    exchange = upstream.expect(sse(chunk(content="Hello")), hang())
    async with aclosing(generate(producer)) as items:
        assert await said(items, 2) == HELLO
        assert not exchange.was_hung_up
    await exchange.hung_up()


async def test_closing_in_the_midst_of_many_events_closes_the_connection(
    upstream: Upstream, producer: OpenAIChat
) -> None:
    exchange = upstream.expect(sse(*[chunk(content="Hello")] * 1000), hang())
    async with aclosing(generate(producer)) as items:
        assert await said(items, 2) == HELLO
    await exchange.hung_up()


@pytest.mark.parametrize("steps", [(hang,), (head_begun, hang), (lambda: raw(b": busy\n\n"), hang)])
async def test_cancelling_before_the_first_event_closes_the_connection(
    upstream: Upstream, producer: OpenAIChat, steps: tuple[Callable[[], Any], ...]
) -> None:
    exchange = upstream.expect(*(step() for step in steps))
    reading = asyncio.create_task(said(generate(producer)))
    await exchange.arrived()
    await cancelled(reading)
    await exchange.hung_up()


async def test_cancelling_in_the_middle_of_a_read_closes_the_connection(
    upstream: Upstream, producer: OpenAIChat
) -> None:
    sent = asyncio.Event()
    exchange = upstream.expect(sse(chunk(content="Hello")), hang())

    async def read() -> None:
        async for _ in generate(producer):
            sent.set()

    reading = asyncio.create_task(read())
    await sent.wait()
    await cancelled(reading)
    await exchange.hung_up()


async def test_cancelling_between_two_attempts_ends_at_once(upstream: Upstream) -> None:
    producer = openai_chat("local", upstream.base_url, max_retries=2)
    exchange = upstream.expect(reply(500, {}, {"retry-after": "100"}))
    reading = asyncio.create_task(said(generate(producer)))
    await exchange.arrived()
    await cancelled(reading)
    await producer.close()


async def test_closing_the_producer_closes_idle_connections(upstream: Upstream, producer: OpenAIChat) -> None:
    exchange = upstream.expect(sse(chunk("stop")), done())
    await said(generate(producer))
    await producer.close()
    upstream.expect(sse(chunk("stop")), done())
    await said(generate(producer))
    assert [exchange.connection for exchange in upstream.exchanges] == [1, 2]
    assert exchange.was_hung_up


async def test_closing_a_producer_that_was_never_used_does_nothing() -> None:
    await openai_chat("local", "http://127.0.0.1:1/v1").close()


async def test_nothing_is_logged(upstream: Upstream, producer: OpenAIChat, caplog: pytest.LogCaptureFixture) -> None:
    upstream.expect(sse(chunk("stop", content="Hello")), done())
    await said(generate(producer))
    assert caplog.records == []


async def test_no_log_ever_holds_content_or_the_key(
    upstream: Upstream, producer: OpenAIChat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    upstream.expect(sse(chunk("stop", content="Hello")), done())
    await said(generate(producer, ask(user("my question"))))
    assert "chat/completions" in caplog.text
    for secret in ("sk-secret", "my question", "Hello"):
        assert secret not in caplog.text


async def test_it_is_a_producer(producer: OpenAIChat) -> None:
    declared: Producer = producer
    assert (declared.name, declared.default_model, declared.continues(ask())) == ("local", "m", True)


@pytest.mark.parametrize("base_url", ["", "localhost:8080/v1", "ftp://host/v1", "http:///v1"])
def test_an_address_must_be_one(base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url of upstream local must look like"):
        openai_chat("local", base_url)


@pytest.mark.parametrize("api_key", ["sk-1\n", "sk-ü"])
def test_a_key_must_fit_into_a_header_and_is_not_repeated(api_key: str) -> None:
    with pytest.raises(ValueError, match="API key of upstream local") as caught:
        openai_chat("local", "http://h/v1", api_key=api_key)
    assert api_key not in str(caught.value)


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended so."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
