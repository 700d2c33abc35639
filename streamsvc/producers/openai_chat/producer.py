"""The producer for every endpoint that speaks OpenAI's chat completions: OpenAI, vLLM, llama.cpp, Ollama and others."""

from __future__ import annotations

import openai

from streamsvc.producers.answer import Answer
from streamsvc.producers.base import Notes
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.model_api import Arguments, ModelApi
from streamsvc.producers.modes import AUTO, mode_of
from streamsvc.producers.openai_chat.chunks import Chunks
from streamsvc.producers.openai_chat.messages import KEPT
from streamsvc.producers.openai_chat.request import arguments_of, hand_over, is_bound
from streamsvc.producers.stream import Call
from streamsvc.producers.upstream import Package
from streamsvc.v1 import job_service_pb2

PACKAGE = Package(openai.AsyncOpenAI, openai.DefaultAsyncHttpxClient, openai.OpenAIError)


class OpenAIChat(ModelApi[openai.AsyncOpenAI]):
    """One endpoint of the chat completions API.

    `continue_mode` says how the endpoint is asked to go on with an answer that an earlier attempt began, see `modes`.
    Raises ValueError for an unknown one.
    """

    def __init__(self, endpoint: Endpoint, *, continue_mode: str = AUTO) -> None:
        super().__init__(endpoint, PACKAGE, KEPT)
        self._mode = mode_of(continue_mode, endpoint.base_url)

    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """See `ModelApi.continues`."""
        return self._mode is not None

    def arguments_of(self, request: job_service_pb2.StartGenerationRequest) -> Arguments:
        """See `ModelApi.arguments_of`."""
        return arguments_of(request)

    def is_bound(self, arguments: Arguments) -> bool:
        """See `ModelApi.is_bound`."""
        return is_bound(arguments["extra_body"])

    def hand_over(self, arguments: Arguments, beginning: str, reasoning: str) -> str:
        """See `ModelApi.hand_over`."""
        return hand_over(arguments, beginning, reasoning, self._mode) if self._mode else ""

    def call(self, client: openai.AsyncOpenAI, arguments: Arguments) -> Call:
        """See `ModelApi.call`."""
        return client.chat.completions.with_streaming_response.create(**arguments)

    def reader(self, answer: Answer, notes: Notes) -> Chunks:
        """See `ModelApi.reader`."""
        return Chunks(answer, notes)
