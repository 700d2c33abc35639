"""The pens of jobs that are published through this instance, each with an outline of its log."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from streamsvc import codec
from streamsvc.errors import EventInvalid
from streamsvc.jobs.options import JobOptions
from streamsvc.jobs.outline import FINAL_KINDS, Outline
from streamsvc.jobs.pen import AnswerTooLarge, Pen
from streamsvc.log import Batch, Cursor
from streamsvc.v1 import event_pb2, job_pb2, state_pb2

MOST = 1000
"""How many jobs are remembered. One that was forgotten is made anew from its log."""

Written = tuple[Batch, job_pb2.Job | None]
"""A batch, and the job if the batch changes it."""


class Scribe:
    """Writes what one writer outside the service publishes, from the end of the log that `state` tells of.

    `lease_ttl` is how long that writer's lease lasts. `now_ms` returns the time in milliseconds since 1970.
    """

    def __init__(
        self, state: state_pb2.JobState, lease_ttl: timedelta, options: JobOptions, now_ms: Callable[[], int]
    ) -> None:
        self.lease_ttl = lease_ttl
        self.cursor = Cursor(state.job.epoch, state.offset)
        self._max_event_bytes, self._max_answer_bytes = options.max_event_bytes, options.max_answer_bytes
        self._now_ms = now_ms
        self._outline = Outline(state)
        # Nothing is merged, since whoever publishes counts events; what the log holds counts, roughly, by its state.
        self._pen = Pen(
            state.job,
            state.job.epoch,
            now_ms=now_ms,
            merges=False,
            max_event_bytes=options.max_event_bytes,
            max_answer_bytes=options.max_answer_bytes - state.ByteSize(),
        )

    def write(self, events: Sequence[event_pb2.Event]) -> Written:
        """Return the next batch. Raises EventInvalid; after an error the scribe is good for nothing."""
        self._outline.check(events, self._max_event_bytes)
        try:
            batch, job = self._pen.write(events)
        except AnswerTooLarge:
            # In the words of the setting: the pen only knows what is left of it.
            text = f"are more than max_answer_bytes={self._max_answer_bytes} allows, with all that was said before"
            raise EventInvalid.of("events", text, limit="max_answer_bytes", bytes=str(self._max_answer_bytes)) from None
        self.cursor = Cursor(batch.epoch, batch.last)
        told = [event for event in events if event.HasField("create_time")]
        if told and events[-1].WhichOneof("payload") not in FINAL_KINDS:
            batch = replace(batch, time_ms=told[-1].create_time.ToMilliseconds())
        return batch, job

    def elsewhere(self, cursor: Cursor, events: Sequence[event_pb2.Event]) -> Written:
        """Return a batch for a place that is not the end of the log: perhaps the newest one, sent again.

        Nothing judges its events, since the store takes it for a repeat or refuses it.
        """
        frames = codec.encode(events, cursor.offset)
        return Batch(cursor.epoch, cursor.offset, frames, cursor.offset + len(events), self._now_ms()), None


@dataclass(slots=True)
class Desk:
    """Where the scribe of a job sits, if there is one, and whether it is at work."""

    scribe: Scribe | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Desks:
    """The desks of the jobs that were published to last."""

    def __init__(self) -> None:
        self._desks: OrderedDict[str, Desk] = OrderedDict()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._desks)

    @asynccontextmanager
    async def of(self, job_id: str) -> AsyncIterator[Desk]:
        """Use the desk of a job, one call after the other. After an error nobody sits there any more."""
        desk = self._desks.setdefault(job_id, Desk())
        self._desks.move_to_end(job_id)
        if len(self._desks) > MOST:
            self._desks.popitem(last=False)
        async with desk.lock:
            try:
                yield desk
            except BaseException:
                self.clear(job_id)
                raise

    def clear(self, job_id: str) -> None:
        """Forget a job."""
        self._desks.pop(job_id, None)
