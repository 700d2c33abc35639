"""The producer for every endpoint that speaks OpenAI's chat completions: OpenAI, vLLM, llama.cpp, Ollama and others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

import openai

from streamsvc.producers.answer import Answer
from streamsvc.producers.base import Notes
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.going_on import go_on
from streamsvc.producers.modes import AUTO, mode_of
from streamsvc.producers.openai_chat.chunks import Chunks
from streamsvc.producers.openai_chat.messages import KEPT
from streamsvc.producers.openai_chat.request import arguments_of, hand_over, is_bound
from streamsvc.producers.said import Said
from streamsvc.producers.seam import Seam
from streamsvc.producers.stream import Call
from streamsvc.producers.tokens import count_of, lower_limit
from streamsvc.producers.upstream import Item, Package, Upstream
from streamsvc.v1 import job_service_pb2, state_pb2

PACKAGE = Package(openai.AsyncOpenAI, openai.DefaultAsyncHttpxClient, openai.OpenAIError)


class OpenAIChat:
    """One endpoint of the chat completions API.

    `continue_mode` says how the endpoint is asked to go on with an answer that an earlier attempt began, see `modes`.
    Raises ValueError for an unknown one.
    """

    def __init__(self, endpoint: Endpoint, *, continue_mode: str = AUTO) -> None:
        self.name = endpoint.name
        self.default_model = endpoint.default_model
        self._mode = mode_of(continue_mode, endpoint.base_url)
        self._upstream = Upstream(endpoint, PACKAGE)

    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """See `Producer.continues`."""
        return self._mode is not None

    def check(self, request: job_service_pb2.StartGenerationRequest) -> None:
        """Look at a request before a job is made of it. Raises FieldInvalid."""
        arguments_of(request)

    async def close(self) -> None:
        """Close the connections. A later `generate` opens new ones."""
        await self._upstream.close()

    def generate(
        self,
        request: job_service_pb2.StartGenerationRequest,
        so_far: state_pb2.JobState | None,
        notes: Notes,
    ) -> AsyncIterator[Item]:
        """Yield the answer's events, see `Producer.generate`. Raises UpstreamError."""
        if so_far is not None:
            return self._go_on(request, Said.of(so_far), notes)
        arguments = arguments_of(request)
        tokens = count_of(b"", arguments)
        return self._ask(arguments, Answer(request.model, KEPT, tokens=tokens), notes)

    def _go_on(
        self, request: job_service_pb2.StartGenerationRequest, said: Said, notes: Notes
    ) -> AsyncGenerator[Item, None]:
        note = notes.value

        def attempt(beginning: str, tail: str) -> AsyncGenerator[Item, None]:
            arguments, echo = arguments_of(request), ""
            if beginning and self._mode:
                echo = hand_over(arguments, beginning, said.reasoning, self._mode)
            tokens = count_of(note, arguments)
            if tokens:
                tokens = tokens.going_on(beginning, tail)
                lower_limit(arguments, tokens.said)
            seam = Seam(tail, echo) if said.text else None
            return self._ask(arguments, Answer(request.model, KEPT, said, seam, tokens), notes)

        return go_on(said, _starts(request, said), attempt, self._upstream.failures)

    def _ask(self, arguments: dict[str, Any], answer: Answer, notes: Notes) -> AsyncGenerator[Item, None]:
        def call(client: openai.AsyncOpenAI) -> Call:
            return client.chat.completions.with_streaming_response.create(**arguments)

        return self._upstream.ask(call, Chunks(answer, notes), arguments["model"])


def _starts(request: job_service_pb2.StartGenerationRequest, said: Said) -> Sequence[str]:
    """Return what of the answer to hand the model, one try after the other."""
    # A grammar holds for what is new: an answer that is bound by one can only be asked for from its start.
    return ("",) if is_bound(request) else said.starts()
