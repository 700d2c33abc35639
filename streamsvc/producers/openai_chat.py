"""The producer for every endpoint that speaks OpenAI's chat completions: OpenAI, vLLM, llama.cpp, Ollama and others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from streamsvc.producers.base import Finished, Notes, UpstreamError
from streamsvc.producers.openai_chat_chunks import Answer, decode
from streamsvc.producers.openai_chat_errors import Failures
from streamsvc.producers.openai_chat_modes import AUTO, hand_over, mode_of
from streamsvc.producers.openai_chat_request import arguments_of, is_bound
from streamsvc.producers.openai_chat_said import Said
from streamsvc.producers.openai_chat_seam import Astray, Seam
from streamsvc.producers.openai_chat_stream import Timeouts, open_stream
from streamsvc.producers.openai_chat_tokens import TokenCount, count_of, lower_limit
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2


class OpenAIChat:
    """One endpoint of the chat completions API.

    The `openai` package connects, authenticates, and retries what fails before the answer begins, `max_retries` times.
    The answer itself is read here, line by line: its typed events cost twenty times as much.

    `connect_timeout` holds for each attempt, `first_event_timeout` from the call to the first event of the answer with
    all attempts in between, `between_events_timeout` for each silence after it. Comments that keep a connection alive
    are no events.

    `continue_mode` says how the endpoint is asked to go on with an answer that an earlier attempt began, see
    `openai_chat_modes`; an endpoint that cannot has `can_continue` false.

    Raises ValueError for a `base_url` or an `api_key` that no request can be made with, and an unknown mode.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        default_model: str = "",
        api_key: str = "none",
        continue_mode: str = AUTO,
        connect_timeout: timedelta = timedelta(seconds=10),
        first_event_timeout: timedelta = timedelta(seconds=120),
        between_events_timeout: timedelta = timedelta(seconds=60),
        max_retries: int = 2,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the base_url of upstream {name} must look like https://host/v1")
        if not (api_key.isascii() and api_key.isprintable()):
            raise ValueError(f"the API key of upstream {name} holds characters that no HTTP header can carry")
        self.name = name
        self.default_model = default_model
        self._mode = mode_of(continue_mode, base_url)
        self.can_continue = self._mode is not None
        self._base_url = base_url
        self._api_key = api_key or "none"
        self._timeouts = Timeouts(connect_timeout, first_event_timeout, between_events_timeout)
        self._max_retries = max_retries
        self._failures = Failures(name, base_url, connect_timeout=connect_timeout, max_retries=max_retries)
        self._client: openai.AsyncOpenAI | None = None

    def check(self, request: job_service_pb2.StartGenerationRequest) -> None:
        """Look at a request before a job is made of it. Raises FieldInvalid."""
        arguments_of(request)

    async def close(self) -> None:
        """Close the connections. A later `generate` opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def generate(
        self,
        request: job_service_pb2.StartGenerationRequest,
        so_far: state_pb2.JobState | None,
        notes: Notes,
    ) -> AsyncIterator[event_pb2.Event | Finished]:
        """Yield the answer's events, see `Producer.generate`. Raises UpstreamError."""
        if so_far is not None:
            return self._go_on(request, Said.of(so_far), notes)
        arguments = arguments_of(request)
        tokens = count_of(b"", arguments)
        return self._ask(arguments, Answer(request.model, tokens=tokens), tokens, notes)

    async def _go_on(
        self, request: job_service_pb2.StartGenerationRequest, said: Said, notes: Notes
    ) -> AsyncIterator[event_pb2.Event | Finished]:
        """Yield what follows on what was said. Nothing of what the model says again is yielded."""
        if said.called:
            yield Finished(job_pb2.FINISH_REASON_TOOL_CALLS)
            return
        note = notes.value
        for beginning in _beginnings(request, said):
            arguments, tail, echo = arguments_of(request), said.text[len(beginning) :], ""
            if beginning and self._mode:
                echo = hand_over(arguments, beginning, said.reasoning, self._mode)
            if tokens := count_of(note, arguments):
                tokens = tokens.going_on(beginning, tail)
                lower_limit(arguments, tokens.said)
            answer = Answer(request.model, said, Seam(tail, echo) if said.text else None, tokens)
            try:
                async with aclosing(self._ask(arguments, answer, tokens, notes)) as items:
                    async for item in items:
                        yield item
                return
            except Astray as astray:
                if astray.begun_anew:
                    break
            except UpstreamError as error:
                raise self._failures.of_continuation(error) if beginning else error from None
        raise self._failures.astray()

    async def _ask(
        self, arguments: dict[str, Any], answer: Answer, tokens: TokenCount | None, notes: Notes
    ) -> AsyncGenerator[event_pb2.Event | Finished, None]:
        model = arguments["model"]
        async with AsyncExitStack() as stack:
            call = self._connected().chat.completions.with_streaming_response.create(**arguments)
            stream = await open_stream(stack, call, self._failures, self._timeouts, model)
            try:
                async for events in stream:
                    for data in events:
                        for event in self._read(answer, data, model):
                            yield event
                        if tokens and tokens.due:
                            notes.value = tokens.note()
                if not (stream.done or answer.finished):
                    raise self._failures.broken_off()
            except UpstreamError:
                # What fails after the model's last word is not worth losing the answer for.
                if not answer.finished:
                    for event in answer.break_off():
                        yield event
                    raise
            await stream.drain()
        for item in answer.end():
            yield item

    def _read(self, answer: Answer, data: bytes, model: str) -> Iterator[event_pb2.Event]:
        try:
            chunk = decode(data)
            if error := chunk.get("error"):
                raise self._failures.of_report(error, model)
            yield from answer.add(chunk)
        except ValueError:
            raise self._failures.malformed("sent data that is no chunk of a chat completion") from None

    def _connected(self) -> openai.AsyncOpenAI:
        # Made inside the loop that it is used in, which the constructor may not be called from.
        if self._client is None:
            # No phase but the first is the transport's: the others are counted from event to event.
            timeout = openai.Timeout(None, connect=self._timeouts.connect.total_seconds())
            # Each running job holds a connection; how many may run is not decided here.
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
            self._client = openai.AsyncOpenAI(
                api_key=self._api_key,
                base_url=self._base_url,
                timeout=timeout,
                max_retries=self._max_retries,
                http_client=openai.DefaultAsyncHttpxClient(timeout=timeout, limits=limits),
            )
        return self._client


def _beginnings(request: job_service_pb2.StartGenerationRequest, said: Said) -> Sequence[str]:
    """Return what of the answer to hand the model, one try after the other."""
    # A grammar holds for what is new: an answer that is bound by one can only be asked for from its start.
    return ("",) if is_bound(request) else said.starts()
