"""The producer for every endpoint that speaks Anthropic's Messages API: Anthropic, llama.cpp, vLLM and others."""

from __future__ import annotations

from typing import Any

import anthropic

from streamsvc.producers.answer import Answer
from streamsvc.producers.anthropic.events import Events
from streamsvc.producers.anthropic.messages import KEPT
from streamsvc.producers.anthropic.request import arguments_of, hand_over, is_bound
from streamsvc.producers.base import Notes
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.model_api import Arguments, ModelApi
from streamsvc.producers.modes import AUTO
from streamsvc.producers.stream import Call
from streamsvc.producers.upstream import Package
from streamsvc.v1 import job_service_pb2

MODES = (AUTO, "message", "none")


def _client(*, base_url: str, **given: Any) -> anthropic.AsyncAnthropic:
    # The package names the version itself; the other families' addresses end with it.
    address = base_url.rstrip("/").removesuffix("/v1")
    return anthropic.AsyncAnthropic(base_url=address, open_telemetry=False, **given)


PACKAGE = Package(_client, anthropic.DefaultAsyncHttpxClient, anthropic.AnthropicError)


class Anthropic(ModelApi[anthropic.AsyncAnthropic]):
    """One endpoint of the Messages API.

    It is asked to go on with an answer by handing it the beginning as a last message of the model, a prefill, which
    older models take and newer ones refuse; not with `continue_mode` `none`. Raises ValueError for another mode than
    those of `MODES`.
    """

    def __init__(self, endpoint: Endpoint, *, continue_mode: str = AUTO) -> None:
        if continue_mode not in MODES:
            raise ValueError(f"the continue_mode of upstream {endpoint.name} must be one of {', '.join(MODES)}")
        super().__init__(endpoint, PACKAGE, KEPT)
        self._continues = continue_mode != "none"

    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """See `ModelApi.continues`."""
        return self._continues

    def arguments_of(self, request: job_service_pb2.StartGenerationRequest) -> Arguments:
        """See `ModelApi.arguments_of`."""
        return arguments_of(request)

    def is_bound(self, arguments: Arguments) -> bool:
        """See `ModelApi.is_bound`."""
        return is_bound(arguments["extra_body"])

    def hand_over(self, arguments: Arguments, beginning: str, reasoning: str) -> str:
        """See `ModelApi.hand_over`."""
        return hand_over(arguments, beginning)

    def call(self, client: anthropic.AsyncAnthropic, arguments: Arguments) -> Call:
        """See `ModelApi.call`."""
        return client.messages.with_streaming_response.create(**arguments)

    def reader(self, answer: Answer, notes: Notes) -> Events:
        """See `ModelApi.reader`."""
        return Events(answer, notes)
