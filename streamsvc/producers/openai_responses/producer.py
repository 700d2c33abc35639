"""The producer for every endpoint that speaks OpenAI's Responses API: OpenAI, Azure, llama.cpp, vLLM and others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import openai

from streamsvc.producers.answer import Answer
from streamsvc.producers.base import Notes, UpstreamError
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.model_api import Arguments, ModelApi
from streamsvc.producers.modes import AUTO, mode_of
from streamsvc.producers.openai_responses.events import Events
from streamsvc.producers.openai_responses.messages import KEPT
from streamsvc.producers.openai_responses.request import arguments_of, hand_over, is_background, is_bound
from streamsvc.producers.openai_responses.run import Overlap, Run
from streamsvc.producers.requests import extra_of
from streamsvc.producers.stream import Call
from streamsvc.producers.upstream import Item, Package
from streamsvc.v1 import event_pb2, job_service_pb2, state_pb2

PACKAGE = Package(openai.AsyncOpenAI, openai.DefaultAsyncHttpxClient, openai.OpenAIError)
MODES = (AUTO, "message", "none")


class OpenAIResponses(ModelApi[openai.AsyncOpenAI]):
    """One endpoint of the Responses API.

    With `background: true` in a request's `extra_json` the upstream goes on when nobody listens. Then its run is taken
    up again where it was read to: by the next attempt, and by this one if the connection breaks. Else the endpoint is
    handed the beginning of its answer, which `auto` does at addresses of this machine and of private networks only, and
    `none` nowhere. Raises ValueError for another `continue_mode` than those of `MODES`.
    """

    def __init__(self, endpoint: Endpoint, *, continue_mode: str = AUTO) -> None:
        if continue_mode not in MODES:
            raise ValueError(f"the continue_mode of upstream {endpoint.name} must be one of {', '.join(MODES)}")
        super().__init__(endpoint, PACKAGE, KEPT)
        self._continues = mode_of(continue_mode, endpoint.base_url) is not None
        self._retries = endpoint.max_retries

    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """See `ModelApi.continues`."""
        return self._continues or is_background(extra_of(request.parameters, ()))

    def arguments_of(self, request: job_service_pb2.StartGenerationRequest) -> Arguments:
        """See `ModelApi.arguments_of`."""
        return arguments_of(request)

    def is_bound(self, arguments: Arguments) -> bool:
        """See `ModelApi.is_bound`."""
        return is_bound(arguments["extra_body"])

    def hand_over(self, arguments: Arguments, beginning: str, reasoning: str) -> str:
        """See `ModelApi.hand_over`."""
        return hand_over(arguments, beginning)

    def call(self, client: openai.AsyncOpenAI, arguments: Arguments) -> Call:
        """See `ModelApi.call`."""
        return client.responses.with_streaming_response.create(**arguments)

    def reader(self, answer: Answer, notes: Notes) -> Events:
        """See `ModelApi.reader`."""
        return Events(answer, notes)

    def generate(
        self,
        request: job_service_pb2.StartGenerationRequest,
        so_far: state_pb2.JobState | None,
        notes: Notes,
    ) -> AsyncIterator[Item]:
        """See `Producer.generate`."""
        arguments = self.arguments_of(request)
        if not is_background(arguments["extra_body"]):
            return super().generate(request, so_far, notes)
        known = Run.of(notes.value)
        if so_far is None or not (known or so_far.parts):
            return self._follow(arguments, Run(), notes)
        if known is None:
            return super().generate(request, so_far, notes)
        return self._new(self._follow(arguments, known, notes), Overlap(so_far, known.passing))

    async def stop(self, notes: Notes) -> None:
        """See `Lasting.stop`."""
        if run := Run.of(notes.value):
            try:
                await self._upstream.connected().responses.cancel(run.id)
            except openai.OpenAIError as error:
                raise self._upstream.failures.of_call(error, self.default_model) from None

    async def _follow(self, arguments: Arguments, run: Run, notes: Notes) -> AsyncGenerator[Item, None]:
        """Yield what a run says from its last boundary on; begin one if there is none."""
        answer = Answer(arguments["model"], KEPT, run.said())
        # What is told once more counts again.
        run.passing = 0
        reader, failed = Events(answer, notes, run), 0
        while True:
            reached = run.newest
            try:
                async with aclosing(self._listen(arguments, reader, run)) as items:
                    async for item in items:
                        yield item
                return
            except UpstreamError as error:
                failed = 1 if run.newest > reached else failed + 1
                if not (run.id and error.retryable) or reader.failed or failed > self._retries:
                    raise

    def _listen(self, arguments: Arguments, reader: Events, run: Run) -> AsyncGenerator[Item, None]:
        if not run.id:
            return self._upstream.ask(lambda client: self.call(client, arguments), reader, arguments["model"])
        after = run.newest if run.newest >= 0 else openai.omit

        def call(client: openai.AsyncOpenAI) -> Call:
            return client.responses.with_streaming_response.retrieve(run.id, stream=True, starting_after=after)

        return self._upstream.ask(call, reader, arguments["model"])

    async def _new(self, items: AsyncGenerator[Item, None], overlap: Overlap) -> AsyncGenerator[Item, None]:
        """Yield what is new in the items of a run that is told once more."""
        async with aclosing(items):
            async for item in items:
                new = overlap.new(item) if isinstance(item, event_pb2.Event) else item
                if new is not None:
                    yield new
