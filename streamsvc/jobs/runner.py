"""Runs one producer into one log: from its first event to the final one or a hand-over, whatever the producer does."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

from streamsvc.backoff import Backoff
from streamsvc.errors import JobDeleted, LeaseLost, LogClosed, OffsetMismatch, StoreUnavailable
from streamsvc.jobs import lifecycle
from streamsvc.jobs.checkpoints import Checkpoints
from streamsvc.jobs.holder import Holder
from streamsvc.jobs.intake import Intake
from streamsvc.jobs.options import JobOptions
from streamsvc.jobs.pace import Pace
from streamsvc.jobs.pen import AnswerTooLarge, Pen
from streamsvc.jobs.takeover import goes_on
from streamsvc.producers.base import Finished, Lasting, Notes, Producer, UpstreamError
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2

log = logging.getLogger(__name__)

RETRIES = 2
"""How often a producer is asked again that failed before it said anything."""

CLOSE_SECONDS = 2.0
"""How long a producer may take to close its upstream."""

STOP_SECONDS = 10.0
"""How long an upstream may take that is told to end what it would go on with."""

STOPS = (JobDeleted, LeaseLost, LogClosed, OffsetMismatch, StoreUnavailable)
"""What tells a runner that the job is not its own any more."""


Turn = Callable[[], Awaitable[event_pb2.Event | None]]
"""Waits until a producer may begin. Returns the job's final event if it may not."""


class Runner:
    """Writes what `producer` says of `request` into the log, and the final event.

    What arrives while the last append is under way goes into the next one. A slow store fills the intake, and a full
    intake holds the producer back. `so_far` is what an earlier attempt said, None for a first one. Without a producer
    the end must be known before it runs.
    """

    def __init__(
        self,
        producer: Producer | None,
        request: job_service_pb2.StartGenerationRequest,
        so_far: state_pb2.JobState | None,
        notes: Notes,
        pen: Pen,
        options: JobOptions,
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._producer = producer
        self._request = request
        self._so_far = so_far
        self._notes = notes
        self._pen = pen
        self._clock = clock
        self._random = random
        self._intake = Intake()
        self._pace = Pace(options.flush_interval.total_seconds())
        self._checkpoints = Checkpoints(options)
        self._said = False
        self._unwanted = False
        self._opened = False
        self._begun = asyncio.Event()
        self._dropped = asyncio.Event()
        self._producing: asyncio.Task[None] | None = None

    def cancel(self, reason: str) -> None:
        """End the job as cancelled."""
        self.end(lifecycle.cancelled(reason))

    def stop(self) -> None:
        """End the job since this instance stops."""
        self.end(lifecycle.failed(lifecycle.stopped()))

    @property
    def would_go_on(self) -> bool:
        """Whether the next writer would go on with the job, rather than end it: nothing has begun, or it may."""
        return not self._opened or goes_on(self._request, self._producer)

    def hand_over(self) -> None:
        """Close the upstream, write what was said and give the job away, unless its end is known already."""
        self.end(None)

    def end(self, final: event_pb2.Event | None) -> None:
        """Close the upstream and end the job so, unless its end is known already. What was said is kept."""
        self._unwanted = self._unwanted or (final is not None and not self._intake.ended)
        self._intake.end(final)
        if self._producing is not None:
            self._producing.cancel()

    def drop(self) -> None:
        """Close the upstream and write nothing more: the job is gone."""
        self._unwanted = True
        self._dropped.set()

    async def run(self, opening: Sequence[event_pb2.Event], holder: Holder, turn: Turn | None = None) -> bool:
        """Write the job, `opening` first. Returns whether this runner wrote the final event.

        `turn` is waited for before the producer begins; it may say how the job ends instead.
        """
        if self._producer is not None and not self._intake.ended:
            self._producing = asyncio.create_task(self._produce(self._producer, holder))
        writing = asyncio.create_task(self._write(opening, holder, turn))
        keeping = asyncio.create_task(holder.keep())
        dropping = asyncio.create_task(self._stay())
        try:
            await asyncio.wait({writing, keeping, dropping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # The upstream first: it may cost money, and what it says is not taken any more.
            await self._close_producer()
            await self._stop_upstream()
            outcomes = await _ended(writing, keeping, dropping)
        closed, *_ = outcomes
        errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        for error in errors:
            if not isinstance(error, STOPS):
                raise error
        if errors:
            log.warning("job %s is not written here any more: %s", self._pen.job_id, errors[0])
        return closed is True

    async def _stay(self) -> None:
        await self._dropped.wait()

    async def _wait_for(self, turn: Turn) -> None:
        turning, ending = asyncio.ensure_future(turn()), asyncio.ensure_future(self._intake.arrived())
        try:
            await asyncio.wait({turning, ending}, return_when=asyncio.FIRST_COMPLETED)
            if turning.done() and (final := turning.result()) is not None:
                self.end(final)
        finally:
            turning.cancel()
            ending.cancel()

    async def _write(self, opening: Sequence[event_pb2.Event], holder: Holder, turn: Turn | None) -> bool:
        """Write until the end is known. Returns whether that is the final event, and not a hand-over."""
        if turn is not None:
            await self._wait_for(turn)
        if opening and not self._intake.ended:
            self._opened = True
            batch, job = self._pen.write(opening)
            await holder.append(batch, job, None)
        self._begun.set()
        while True:
            await self._intake.arrived()
            if wait := self._pace.wait(self._clock()):
                await self._intake.filled(wait)
            events, final = self._intake.take()
            ended = self._intake.ended
            if (events or final is not None) and await self._append(events, final, holder):
                return True
            if ended:
                await self._close_producer()
                await holder.release()
                log.info("job %s is given away", self._pen.job_id)
                return False

    async def _append(self, events: Sequence[event_pb2.Event], final: event_pb2.Event | None, holder: Holder) -> bool:
        """Append what was said. Returns whether that was the end."""
        try:
            batch, job = self._pen.write(events if final is None else [*events, final])
        except AnswerTooLarge as too_large:
            final = lifecycle.failed(too_large.error)
            self.end(final)
            batch, job = self._pen.write([final])
        await holder.append(batch, job, self._notes.take_change())
        if final is not None:
            return True
        self._pace.wrote(self._clock(), len(events))
        await self._checkpoints.after(len(batch.frames), holder)
        return False

    async def _produce(self, producer: Producer, holder: Holder) -> None:
        await self._begun.wait()
        attempt = 0
        while holder.is_held():
            try:
                finished = await self._generate(producer)
            except UpstreamError as error:
                again = error.retryable and not error.retried and not self._said and attempt < RETRIES
                if not again:
                    self._intake.end(lifecycle.failed(lifecycle.upstream_failure(error)))
                    return
                await asyncio.sleep(Backoff().delay(attempt, random=self._random).total_seconds())
                attempt += 1
            except asyncio.CancelledError as error:
                if _is_cancelled():
                    raise
                self._blame(error)  # the producer's own: nobody here has asked for it
                return
            except Exception as error:
                self._blame(error)
                return
            else:
                self._intake.end(lifecycle.completed(finished))
                return

    def _blame(self, error: BaseException) -> None:
        """End the job since its producer has a bug."""
        incident = f"{int(self._random() * 2**48):012x}"
        # Not the error's own words: they may quote what was said.
        where = "".join(traceback.format_tb(error.__traceback__))
        kind = type(error).__name__
        log.error("job %s: producer failed with %s, incident %s\n%s", self._pen.job_id, kind, incident, where)
        self._intake.end(lifecycle.failed(lifecycle.internal_failure(incident)))

    async def _generate(self, producer: Producer) -> Finished:
        generation = producer.generate(self._request, self._so_far, self._notes)
        async with aclosing(generation) as items:  # type: ignore[type-var]
            async for item in items:
                if isinstance(item, Finished):
                    return item
                if item.WhichOneof("payload") in lifecycle.KINDS:
                    raise RuntimeError(f"producer {producer.name} said an event that only the service says")
                self._said = True
                if not self._intake.put(item):
                    await self._intake.room()
        return Finished(job_pb2.FINISH_REASON_UNSPECIFIED)

    async def _close_producer(self) -> None:
        if self._producing is None:
            return
        self._producing.cancel()
        _, pending = await asyncio.wait({self._producing}, timeout=CLOSE_SECONDS)
        if pending:
            log.error("job %s: its producer does not close its upstream", self._pen.job_id)

    async def _stop_upstream(self) -> None:
        """End what the upstream would go on with although nobody wants it any more."""
        if not (self._unwanted and isinstance(self._producer, Lasting)):
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._producer.stop(self._notes)
        except (TimeoutError, UpstreamError):
            log.warning("job %s: its upstream was not told to stop", self._pen.job_id)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _ended(*tasks: asyncio.Task[Any]) -> Sequence[object]:
    for task in tasks:
        task.cancel()
    outcomes: Sequence[object] = await asyncio.gather(*tasks, return_exceptions=True)
    return outcomes
