"""A producer for benchmarks: waits until it is told to speak, and then speaks in a way that can be measured."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

from streamsvc.producers import parts
from streamsvc.producers.base import Finished, Notes
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2

MARK = 1_000
"""After so many deltas each the processor time is noted."""


@dataclass(frozen=True, slots=True)
class Script:
    """What to say. `rate` is in deltas a second, 0 for as fast as it goes.

    `stamps`: each delta's text is the time at which it was said, else 20 bytes with its number. `alone`: each delta
    is an append of its own. `waits`: begin when told. `hangs`: never end.
    """

    deltas: int = 20_000
    rate: float = 0.0
    stamps: bool = False
    alone: bool = False
    waits: bool = False
    hangs: bool = False

    def request(self) -> job_service_pb2.StartGenerationRequest:
        """Return the request that has this said."""
        parameters = job_service_pb2.GenerationParameters(extra_json=json.dumps(asdict(self)))
        return job_service_pb2.StartGenerationRequest(prompt="Speak.", parameters=parameters)


def text(number: int) -> str:
    """Return the text of a delta, its number or the time: 20 bytes, the last one a space."""
    return f"{number:019d} "


class Speaker:
    """Says what a Script asks for. `began_ns` is when it was told last, `marks` the processor time as it went on."""

    name = "bench"
    default_model = "bench"

    def __init__(self) -> None:
        self.began_ns = 0
        self.marks: list[int] = []
        self._waiting: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def go(self) -> None:
        """Tell one job that waits, or will, to speak."""
        (await self._waiting.get()).set_result(None)

    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """See `Producer.continues`."""
        return False

    def check(self, request: job_service_pb2.StartGenerationRequest) -> None:
        """See `Producer.check`."""

    async def generate(
        self, request: job_service_pb2.StartGenerationRequest, so_far: state_pb2.JobState | None, notes: Notes
    ) -> AsyncIterator[event_pb2.Event | Finished]:
        """See `Producer.generate`."""
        script = Script(**json.loads(request.parameters.extra_json))
        # A model's words come for nothing: only what is made of them is measured.
        texts = [] if script.stamps else [text(number) for number in range(script.deltas)]
        index, opening = parts.Parts().start_text()
        yield opening
        if script.waits:
            future = asyncio.get_running_loop().create_future()
            await self._waiting.put(future)
            await future
        self.began_ns, self.marks = time.monotonic_ns(), [time.process_time_ns()]
        for number in range(script.deltas):
            if script.rate:
                await until(self.began_ns, number / script.rate)
            elif script.alone:
                # One turn of the loop wakes the writer, the next lets it write.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            yield parts.text_delta(index, text(time.monotonic_ns()) if script.stamps else texts[number])
            if number % MARK == MARK - 1:
                self.marks.append(time.process_time_ns())
        if script.hangs:
            await asyncio.Event().wait()
        yield parts.part_completed(index)
        yield Finished(job_pb2.FINISH_REASON_STOP)


async def until(began_ns: int, seconds: float) -> None:
    """Sleep until so many seconds after `began_ns`."""
    left = seconds - (time.monotonic_ns() - began_ns) / 1e9
    if left > 0:
        await asyncio.sleep(left)
