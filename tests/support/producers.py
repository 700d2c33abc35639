"""Producers for tests: one that says what the test tells it to, when it tells it, and one with a bug."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from streamsvc.producers.base import Finished, Notes
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2
from tests.support import events

STOP = Finished(job_pb2.FINISH_REASON_STOP)
SECRET = "the secret words of the message"


class Told:
    """Says the items of `say` one after the other, and raises those that are exceptions.

    `begun` are the `so_far` of each generation, `taken` counts the items that were taken, `closed` the generations
    that came to an end, in whatever way.
    """

    default_model = "m"

    def __init__(self, name: str = "told", *, can_continue: bool = True) -> None:
        self.name = name
        self.can_continue = can_continue
        self.begun: list[state_pb2.JobState | None] = []
        self.requests: list[job_service_pb2.StartGenerationRequest] = []
        self.notes: list[Notes] = []
        self.taken = 0
        self.closed = 0
        self._items: asyncio.Queue[event_pb2.Event | Finished | BaseException] = asyncio.Queue()

    def say(self, *items: event_pb2.Event | Finished | BaseException) -> None:
        """Have `items` said next."""
        for item in items:
            self._items.put_nowait(item)

    def say_text(self, *words: str) -> None:
        """Have a part opened, and `words` said in it."""
        self.say(events.part_started(), *(events.text(word) for word in words))

    def forget(self) -> None:
        """Forget what was to be said."""
        while not self._items.empty():
            self._items.get_nowait()

    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """See `Producer.continues`."""
        return self.can_continue

    def check(self, request: job_service_pb2.StartGenerationRequest) -> None:
        """See `Producer.check`."""

    async def generate(
        self,
        request: job_service_pb2.StartGenerationRequest,
        so_far: state_pb2.JobState | None,
        notes: Notes,
    ) -> AsyncIterator[event_pb2.Event | Finished]:
        """See `Producer.generate`."""
        self.begun.append(so_far)
        self.requests.append(request)
        self.notes.append(notes)
        try:
            while True:
                item = await self._items.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
                self.taken += 1
        finally:
            self.closed += 1


class Buggy(Told):
    """Says two words and raises an error that quotes them."""

    def __init__(self) -> None:
        super().__init__("buggy")
        self.say_text("two ", "words ")
        self.say(ValueError(f"cannot understand {SECRET}"))
