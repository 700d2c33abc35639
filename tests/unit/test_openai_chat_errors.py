"""An upstream that refuses, breaks, hangs or talks nonsense: the failure says which, and nothing that was said."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from streamsvc.producers.base import UpstreamError
from streamsvc.producers.openai_chat.producer import OpenAIChat
from tests.support.chats import ask, chunk, failed, generate, openai_chat, said, user
from tests.support.upstream import (
    Step,
    Upstream,
    abort,
    close,
    content_type,
    done,
    hang,
    head_begun,
    raw,
    reply,
    sse,
    wait_for,
)

SHORT = timedelta(milliseconds=50)
SECRETS = ("sk-secret", "my question", "Hello")
AT_ONCE = {"retry-after-ms": "1"}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


async def failure(upstream: Upstream, *steps: Step, **options: Any) -> UpstreamError:
    """Return how a generation fails; by default there are no retries."""
    if steps:
        upstream.expect(*steps)
    options = {"max_retries": 0, "base_url": upstream.base_url, **options}
    return (await broken(openai_chat("local", api_key="sk-secret", **options)))[1]


async def broken(producer: OpenAIChat) -> tuple[list[str], UpstreamError]:
    """Return what is said before the failure, and the failure."""
    try:
        lines, error = await failed(generate(producer, ask(user("my question"), model="llama")))
    finally:
        await producer.close()
    told = f"{error} {dict(error.metadata)} {error.__cause__!r}"
    assert not [secret for secret in SECRETS if secret in told]
    assert error.metadata["upstream"] == "local"
    return lines, error


def verdict(error: UpstreamError) -> tuple[str, bool, bool]:
    return error.reason.removeprefix("UPSTREAM_"), error.retryable, error.retried


def refusal(code: object) -> dict[str, Any]:
    """Return an error body that quotes what it should not."""
    message = "Incorrect API key sk-secret, after my question"
    return {"error": {"message": message, "type": "some_error", "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ("REJECTED", False, True)),
        (401, ("REJECTED", False, True)),
        (403, ("REJECTED", False, True)),
        (404, ("REJECTED", False, True)),
        (422, ("REJECTED", False, True)),
        (408, ("TIMEOUT", True, True)),
        (409, ("UNAVAILABLE", True, True)),
        (429, ("RATE_LIMITED", True, True)),
        (500, ("UNAVAILABLE", True, True)),
        (503, ("UNAVAILABLE", True, True)),
    ],
)
async def test_statuses(upstream: Upstream, status: int, expected: tuple[str, bool, bool]) -> None:
    for _ in range(2):
        upstream.expect(reply(status, refusal("some_code"), AT_ONCE))
    error = await failure(upstream, max_retries=1)
    assert verdict(error) == expected
    assert (error.metadata["status"], error.metadata["code"]) == (str(status), "some_code")
    assert f"status {status} (some_code)" in error.message


async def test_without_retries_nothing_was_retried(upstream: Upstream) -> None:
    assert verdict(await failure(upstream, reply(503, {}))) == ("UNAVAILABLE", True, False)


async def test_a_status_is_retried_before_the_answer_begins(upstream: Upstream) -> None:
    for status in (500, 429):
        upstream.expect(reply(status, {}, AT_ONCE))
    upstream.expect(sse(chunk("stop")), done())
    producer = openai_chat("local", upstream.base_url)
    assert await said(generate(producer)) == ["finished STOP stop"]
    assert len(upstream.exchanges) == 3
    await producer.close()


async def test_a_missing_model_says_which_and_where(upstream: Upstream) -> None:
    error = await failure(upstream, reply(404, {"detail": "Not Found"}))
    assert f"the model llama or the endpoint {upstream.base_url} is not there" in error.message
    assert (error.metadata["model"], error.metadata["base_url"]) == ("llama", upstream.base_url)


async def test_an_account_without_credit_is_not_worth_another_try(upstream: Upstream) -> None:
    error = await failure(upstream, reply(429, refusal("insufficient_quota")))
    assert verdict(error) == ("RATE_LIMITED", False, False)


@pytest.mark.parametrize("code", ["my question", "x" * 65, {"a": 1}, None, True])
async def test_a_code_that_is_none_is_not_told(upstream: Upstream, code: object) -> None:
    body = refusal(code)
    body["error"]["type"] = None
    assert "code" not in (await failure(upstream, reply(400, body))).metadata


@pytest.mark.parametrize("body", ["<html>my question</html>", [1], {"error": "my question"}, None])
async def test_error_bodies_of_any_shape(upstream: Upstream, body: object) -> None:
    assert verdict(await failure(upstream, reply(502, body))) == ("UNAVAILABLE", True, False)


@pytest.mark.parametrize("max_retries", [0, 1])
async def test_a_refused_connection(upstream: Upstream, max_retries: int) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        error = await failure(upstream, base_url=address, max_retries=max_retries)
    assert verdict(error) == ("UNAVAILABLE", True, max_retries > 0)
    assert error.message == f"the upstream local cannot be reached at {address} (ConnectError)"


async def test_an_address_is_told_without_its_password(upstream: Upstream) -> None:
    address = "http://me:sk-secret@nowhere.invalid/v1"
    error = await failure(upstream, base_url=address)
    assert error.metadata["base_url"] == "http://nowhere.invalid/v1"


async def test_a_connection_that_is_never_made(upstream: Upstream) -> None:
    with socket.socket() as full:
        # A listener whose queue is full lets the next connection wait.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for other in waiting:
            other.setblocking(False)
            other.connect_ex(address)
        error = await failure(upstream, base_url=f"http://127.0.0.1:{address[1]}/v1", connect_timeout=SHORT)
        for other in waiting:
            other.close()
    assert verdict(error) == ("TIMEOUT", True, False)
    assert error.message == "the upstream local took no connection within 0.05 s"
    assert (error.metadata["phase"], error.metadata["limit"]) == ("connect", "0.05 s")


@pytest.mark.parametrize("steps", [[hang()], [head_begun(), hang()], [raw(b": busy\n\n"), hang()]])
async def test_no_first_event(upstream: Upstream, steps: list[Step]) -> None:
    exchange = upstream.expect(*steps)
    error = await failure(upstream, first_event_timeout=SHORT, max_retries=2)
    assert verdict(error) == ("TIMEOUT", True, False)
    assert error.message == "the upstream local sent no event within 0.05 s"
    assert error.metadata["phase"] == "first_event"
    await exchange.hung_up()


async def test_no_further_event(upstream: Upstream) -> None:
    exchange = upstream.expect(sse(chunk(content="Hello")), raw(b": busy\n\n"), hang())
    producer = openai_chat("local", upstream.base_url, between_events_timeout=SHORT)
    lines, error = await broken(producer)
    assert lines == ["0 text", "0 + Hello"]
    assert verdict(error) == ("TIMEOUT", True, False)
    assert error.message == "the upstream local sent no further event within 0.05 s"
    assert error.metadata["phase"] == "between_events"
    await exchange.hung_up()


async def test_comments_do_not_keep_a_silent_upstream_alive(upstream: Upstream) -> None:
    comments = [raw(b": busy\n\n"), tick] * 1000
    upstream.expect(sse(chunk(content="Hello")), *comments)
    producer = openai_chat("local", upstream.base_url, between_events_timeout=SHORT)
    assert (await broken(producer))[1].metadata["phase"] == "between_events"


async def test_a_slow_reader_is_not_the_upstreams_silence(upstream: Upstream) -> None:
    more = asyncio.Event()
    upstream.expect(sse(chunk(content="Hello")), wait_for(more), sse(chunk("stop")), done())
    limit = timedelta(milliseconds=250)
    producer = openai_chat("local", upstream.base_url, between_events_timeout=limit)
    async with aclosing(generate(producer)) as items:
        assert await said(items, 2) == ["0 text", "0 + Hello"]
        await asyncio.sleep(1.2 * limit.total_seconds())
        more.set()
        assert await said(items) == ["0 completed", "finished STOP stop"]
    await producer.close()


@pytest.mark.parametrize("ending", [[close()], [abort()], []])
@pytest.mark.parametrize("cut", [b"", b'data: {"choices": [{"del', b"data: [DO"])
async def test_a_stream_that_breaks_off(upstream: Upstream, ending: list[Step], cut: bytes) -> None:
    read = asyncio.Event()
    upstream.expect(sse(chunk(content="Hello")), raw(cut), wait_for(read), *ending)
    producer = openai_chat("local", upstream.base_url)
    async with aclosing(generate(producer)) as items:
        assert await said(items, 2) == ["0 text", "0 + Hello"]
        read.set()
        with pytest.raises(UpstreamError, match="broke off before the answer's end") as caught:
            await anext(items)
    assert verdict(caught.value) == ("UNAVAILABLE", True, False)
    await producer.close()


@pytest.mark.parametrize("steps", [[close()], [raw(b""), close()], [raw(b": busy\n\n")], [content_type("text/plain")]])
async def test_a_stream_that_breaks_before_the_first_event(upstream: Upstream, steps: list[Step]) -> None:
    assert verdict(await failure(upstream, *steps)) == ("UNAVAILABLE", True, False)


@pytest.mark.parametrize("ending", [close(), abort(), sse(refusal("x")), raw(b"data: {\n\n")])
async def test_what_breaks_after_the_last_word_is_no_failure(upstream: Upstream, ending: Step) -> None:
    read = asyncio.Event()
    upstream.expect(sse(chunk(content="Hello"), chunk("stop")), wait_for(read), ending)
    producer = openai_chat("local", upstream.base_url)
    async with aclosing(generate(producer)) as items:
        await said(items, 2)
        read.set()
        assert await said(items) == ["0 completed", "finished STOP stop"]
    await producer.close()


@pytest.mark.parametrize(
    "garbage",
    [b"data: {\n\n", b"data: my question\n\n", b"data: []\n\n", b'data: {"choices": 7}\n\n', b"<html>my question\n"],
)
async def test_malformed_data(upstream: Upstream, garbage: bytes) -> None:
    exchange = upstream.expect(raw(garbage), hang())
    assert verdict(await failure(upstream)) == ("INVALID", False, False)
    await exchange.hung_up()


async def test_malformed_data_in_the_midst_keeps_what_was_said(upstream: Upstream) -> None:
    upstream.expect(sse(chunk(content="Hello")), raw(b"data: {oops\n\n"), hang())
    lines, error = await broken(openai_chat("local", upstream.base_url))
    assert lines == ["0 text", "0 + Hello"]
    assert verdict(error) == ("INVALID", False, False)


@pytest.mark.parametrize(("body", "media_type"), [("<html>", "text/html"), ({"choices": []}, "application/json")])
async def test_a_page_instead_of_a_stream(upstream: Upstream, body: object, media_type: str) -> None:
    error = await failure(upstream, reply(200, body))
    assert verdict(error) == ("INVALID", False, False)
    assert f"answered with {media_type} instead of an event stream" in error.message
    assert error.metadata["media_type"] == media_type


async def test_garbage_instead_of_http(upstream: Upstream) -> None:
    async def garbage(answering: Any) -> None:
        await answering.write(b"\x16\x03my question\r\n\r\n")

    assert verdict(await failure(upstream, garbage)) == ("UNAVAILABLE", True, False)


async def test_broken_compression(upstream: Upstream) -> None:
    headers = {"content-encoding": "gzip", "content-type": "text/event-stream"}
    assert verdict(await failure(upstream, reply(200, "my question", headers))) == ("INVALID", False, False)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"message": "my question", "type": "server_error", "code": None}, ("UNAVAILABLE", True, False)),
        ({"message": "my question", "code": 502, "metadata": {}}, ("UNAVAILABLE", True, False)),
        ({"message": "my question", "type": "BadRequestError", "code": 400}, ("REJECTED", False, False)),
        ({"message": "my question", "code": "429"}, ("RATE_LIMITED", True, False)),
        ({"message": "my question", "code": "rate_limit_exceeded"}, ("RATE_LIMITED", True, False)),
        ({"message": "my question", "type": "invalid_request_error"}, ("REJECTED", False, False)),
        ("my question", ("UNAVAILABLE", True, False)),
    ],
)
async def test_an_error_inside_the_stream(upstream: Upstream, error: object, expected: tuple[str, bool, bool]) -> None:
    upstream.expect(sse(chunk(content="Hello"), {**chunk("error", content=""), "error": error}), hang())
    lines, told = await broken(openai_chat("local", upstream.base_url))
    assert lines == ["0 text", "0 + Hello"]
    assert verdict(told) == expected


async def tick(_: Any) -> None:
    """Let a moment pass: comments are to come more often than the limit."""
    await asyncio.sleep(SHORT.total_seconds() / 10)
