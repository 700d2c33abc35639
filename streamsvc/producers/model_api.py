"""A producer for one family of APIs: what is left to the families is what the API's own words are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Generic

from streamsvc.errors import FieldInvalid
from streamsvc.producers.answer import Answer
from streamsvc.producers.base import Notes
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.going_on import go_on
from streamsvc.producers.kept import Kept
from streamsvc.producers.said import Said
from streamsvc.producers.seam import Seam
from streamsvc.producers.stream import Call
from streamsvc.producers.tokens import count_of, lower_limit
from streamsvc.producers.upstream import C, Item, Package, Reader, Upstream
from streamsvc.v1 import job_service_pb2, state_pb2

Arguments = dict[str, Any]
"""The arguments of a call of the family's package."""


class ModelApi(ABC, Generic[C]):
    """One endpoint of an API that models are asked by. See `Producer` for what it promises.

    Where an answer goes on that an earlier attempt began, the model is handed its beginning, see `go_on`.
    """

    def __init__(self, endpoint: Endpoint, package: Package[C], keep: Kept) -> None:
        self.name = endpoint.name
        self.default_model = endpoint.default_model
        self._upstream = Upstream(endpoint, package)
        self._keep = keep

    @abstractmethod
    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """See `Producer.continues`."""

    @abstractmethod
    def arguments_of(self, request: job_service_pb2.StartGenerationRequest) -> Arguments:
        """Return a request in the API's words. Raises FieldInvalid."""

    @abstractmethod
    def is_bound(self, arguments: Arguments) -> bool:
        """Tell whether the answer is held to a form, such as a JSON schema: that holds for what is new."""

    @abstractmethod
    def hand_over(self, arguments: Arguments, beginning: str, reasoning: str) -> str:
        """Put the beginning of the answer at the end of the conversation in `arguments`, to be continued.

        Returns the last message's text, with which an endpoint may begin its own.
        """

    @abstractmethod
    def call(self, client: C, arguments: Arguments) -> Call:
        """Return the package's call, not sent yet."""

    @abstractmethod
    def reader(self, answer: Answer, notes: Notes) -> Reader:
        """Return what reads the API's events into `answer`."""

    def check(self, request: job_service_pb2.StartGenerationRequest) -> None:
        """See `Producer.check`."""
        if request.answers:
            text = f"{self.name} takes none, for it asks nobody: start the next turn with messages, or pick a worker"
            raise FieldInvalid.of("answers", text, producer=self.name)
        self.arguments_of(request)

    async def close(self) -> None:
        """Close the connections. A later `generate` opens new ones."""
        await self._upstream.close()

    def generate(
        self,
        request: job_service_pb2.StartGenerationRequest,
        so_far: state_pb2.JobState | None,
        notes: Notes,
    ) -> AsyncIterator[Item]:
        """See `Producer.generate`."""
        if so_far is not None:
            return self._go_on(request, Said.of(so_far), notes)
        arguments = self.arguments_of(request)
        return self._ask(arguments, Answer(request.model, self._keep, tokens=count_of(b"", arguments)), notes)

    def _go_on(
        self, request: job_service_pb2.StartGenerationRequest, said: Said, notes: Notes
    ) -> AsyncGenerator[Item, None]:
        note = notes.value

        def attempt(beginning: str, tail: str) -> AsyncGenerator[Item, None]:
            arguments = self.arguments_of(request)
            echo = self.hand_over(arguments, beginning, said.reasoning) if beginning else ""
            tokens = count_of(note, arguments)
            if tokens:
                tokens = tokens.going_on(beginning, tail)
                lower_limit(arguments, tokens.said)
            seam = Seam(tail, echo) if said.text else None
            return self._ask(arguments, Answer(request.model, self._keep, said, seam, tokens), notes)

        # A form holds for what is new: an answer that is bound by one can only be asked for from its start.
        starts = ("",) if self.is_bound(self.arguments_of(request)) else said.starts()
        return go_on(said, starts, attempt, self._upstream.failures)

    def _ask(self, arguments: Arguments, answer: Answer, notes: Notes) -> AsyncGenerator[Item, None]:
        return self._upstream.ask(
            lambda client: self.call(client, arguments), self.reader(answer, notes), arguments["model"]
        )
