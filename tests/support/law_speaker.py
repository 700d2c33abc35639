"""A producer that counts: every event of it names the number that it stands for, and who said it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count

from streamsvc.producers.base import Finished, Notes
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2
from tests.support import events


@dataclass
class Speech:
    """What is said: `length` numbers, one each `pace` seconds. `hurried`: it ends with the next one."""

    length: int
    pace: float
    hurried: bool = False
    generations: count[int] = field(default_factory=lambda: count(1))


class Speaker:
    """Says a speech, and goes on with it where another stopped."""

    name = "speaker"
    default_model = "m"

    def __init__(self, speech: Speech) -> None:
        self._speech = speech

    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """See `Producer.continues`."""
        return True

    def check(self, request: job_service_pb2.StartGenerationRequest) -> None:
        """See `Producer.check`."""

    async def generate(
        self,
        request: job_service_pb2.StartGenerationRequest,
        so_far: state_pb2.JobState | None,
        notes: Notes,
    ) -> AsyncIterator[event_pb2.Event | Finished]:
        """See `Producer.generate`."""
        me = next(self._speech.generations)
        part, said = (len(so_far.parts), len(said_in(so_far))) if so_far else (0, 0)
        yield events.part_started(part)
        while said < self._speech.length and not self._speech.hurried:
            await asyncio.sleep(self._speech.pace)
            yield events.text(f"{said}:{me} ", part)
            said += 1
            if said % 3 == 0:
                notes.value = b"%d" % said
                yield events.usage(said)
        yield Finished(job_pb2.FINISH_REASON_STOP)


def said_in(state: state_pb2.JobState) -> list[int]:
    """Return the numbers that were said."""
    return [int(word.partition(":")[0]) for word in events.answer(state).split()]
