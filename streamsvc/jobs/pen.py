"""Turns what a producer said into frozen batches: offsets, times, attempts and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from streamsvc import codec
from streamsvc.fold import Fold
from streamsvc.jobs import lifecycle
from streamsvc.jobs.merge import MAX_MERGED_CHARACTERS, merge
from streamsvc.log import Batch
from streamsvc.v1 import event_pb2, job_pb2, state_pb2

_TELLING = lifecycle.JOB_KINDS | {"usage_updated"}
"""Payloads that are more to a pen than bytes."""


class AnswerTooLarge(Exception):
    """The answer has grown over a limit: `error` is what the job says of it. Nothing of the batch was taken."""

    def __init__(self, error: job_pb2.JobError) -> None:
        super().__init__(error.message)
        self.error = error


class Pen:
    """Writes the batches of one epoch, one after the other.

    `job` is the job as the log stands at `job.last_offset`. `now_ms` returns the time in milliseconds since 1970.
    `max_answer_bytes` counts the bytes of frames: what the log grows by.
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
        written = list(self._merged(events))
        kinds = [event.WhichOneof("payload") for event in written]
        # Nearly all events are deltas, and only the first of those is touched.
        telling = [place for place, kind in enumerate(kinds) if kind in _TELLING]
        for place in {0, *telling}:
            written[place] = self._stamped(written[place], now, first=place == 0)
        frames = codec.encode(written, self._last)
        # The final event is always written: without it readers would wait for ever.
        self._measure(written, frames, ends=kinds[-1] in lifecycle.KINDS)
        batch = Batch(self._epoch, self._last, frames, self._last + len(written), now)
        changed = self._summarise([(batch.after + place + 1, written[place]) for place in telling])
        self._last = batch.last
        self._answer_bytes += len(frames)
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

    def _measure(self, events: Sequence[event_pb2.Event], frames: bytes, *, ends: bool) -> None:
        # A frame is larger than its event: a batch within the limit has no event above it.
        limit = self._max_event_bytes
        if len(frames) > limit and max(event.ByteSize() for event in events) > limit:
            raise AnswerTooLarge(lifecycle.limit_exceeded("max_event_bytes", limit))
        if self._answer_bytes + len(frames) > self._max_answer_bytes and not ends:
            raise AnswerTooLarge(lifecycle.limit_exceeded("max_answer_bytes", self._max_answer_bytes))

    def _summarise(self, events: Iterable[tuple[int, event_pb2.Event]]) -> bool:
        """Fold in those of `events`, each with its offset, that change the job. Returns whether there are any."""
        changing = [(offset, event) for offset, event in events if event.WhichOneof("payload") in lifecycle.JOB_KINDS]
        for offset, event in changing:
            placed = event_pb2.Event()
            placed.CopyFrom(event)
            placed.offset = offset
            self._summary.apply([placed])
        return bool(changing)
