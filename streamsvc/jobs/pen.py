"""Turns what a producer said into frozen batches: offsets, times, attempts and limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streamsvc import codec
from streamsvc.fold import Fold
from streamsvc.jobs import lifecycle
from streamsvc.jobs.merge import MAX_MERGED_CHARACTERS, merge
from streamsvc.log import Batch
from streamsvc.v1 import event_pb2, job_pb2, state_pb2


class AnswerTooLarge(Exception):
    """The answer has grown over a limit: `error` is what the job says of it. Nothing of the batch was taken."""

    def __init__(self, error: job_pb2.JobError) -> None:
        super().__init__(error.message)
        self.error = error


class Pen:
    """Writes the batches of one epoch, one after the other.

    `job` is the job as the log stands at `job.last_offset`. `now_ms` returns the time in milliseconds since 1970.
    """

    def __init__(
        self,
        job: job_pb2.Job,
        epoch: str,
        *,
        now_ms: Callable[[], int],
        merges: bool,
        max_event_bytes: int,
        max_answer_bytes: int,
    ) -> None:
        self.job_id = job.id
        self._epoch = epoch
        self._last = job.last_offset
        self._now_ms = now_ms
        self._merges = merges
        self._max_event_bytes = max_event_bytes
        self._max_answer_bytes = max_answer_bytes
        self._answer_bytes = 0
        # A fold that is given only what changes the job itself.
        self._summary = Fold(state_pb2.JobState(job=job, offset=job.last_offset))

    @property
    def attempt(self) -> int:
        """Which producer of the job is writing: 1 for the first."""
        return max(1, self._summary.state().job.attempt)

    def write(self, events: Sequence[event_pb2.Event]) -> tuple[Batch, job_pb2.Job | None]:
        """Return the next batch, and the job if the batch changes it.

        `events` are at least one, without offsets, and are not changed. Raises AnswerTooLarge.
        """
        now = self._now_ms()
        written = [self._stamped(event, now, first=not i) for i, event in enumerate(self._merged(events))]
        self._measure(written)
        batch = Batch(self._epoch, self._last, codec.encode(written, self._last), self._last + len(written), now)
        changed = self._summarise(written)
        self._last = batch.last
        self._answer_bytes += len(batch.frames)
        return batch, self._summary.state().job if changed else None

    def _merged(self, events: Sequence[event_pb2.Event]) -> Sequence[event_pb2.Event]:
        # A character has up to four bytes: what fits under the limit by itself must not be merged over it.
        return merge(events, min(MAX_MERGED_CHARACTERS, self._max_event_bytes // 8)) if self._merges else events

    def _stamped(self, event: event_pb2.Event, now: int, *, first: bool) -> event_pb2.Event:
        """Give an event the time if it is the first of its batch or of the job's life, and usage its attempt."""
        kind = event.WhichOneof("payload")
        timed = (first or kind in lifecycle.KINDS) and not event.HasField("create_time")
        if not timed and kind != "usage_updated":
            return event
        stamped = event_pb2.Event()
        stamped.CopyFrom(event)
        if timed:
            stamped.create_time.FromMilliseconds(now)
        if kind == "usage_updated":
            stamped.usage_updated.entry.attempt = self.attempt
        return stamped

    def _measure(self, events: Sequence[event_pb2.Event]) -> None:
        sizes = [event.ByteSize() for event in events]
        if max(sizes) > self._max_event_bytes:
            raise AnswerTooLarge(lifecycle.limit_exceeded("max_event_bytes", self._max_event_bytes))
        # The final event is always written: without it readers would wait for ever.
        ends = events[-1].WhichOneof("payload") in lifecycle.KINDS
        if self._answer_bytes + sum(sizes) > self._max_answer_bytes and not ends:
            raise AnswerTooLarge(lifecycle.limit_exceeded("max_answer_bytes", self._max_answer_bytes))

    def _summarise(self, events: Sequence[event_pb2.Event]) -> bool:
        telling = [
            (offset, event)
            for offset, event in enumerate(events, self._last + 1)
            if event.WhichOneof("payload") in lifecycle.JOB_KINDS
        ]
        for offset, event in telling:
            placed = event_pb2.Event()
            placed.CopyFrom(event)
            placed.offset = offset
            self._summary.apply([placed])
        return bool(telling)
