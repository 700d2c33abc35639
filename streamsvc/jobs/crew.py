"""The runners of this instance: begun for new jobs, taken over from others, and stopped in good order."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

from streamsvc.errors import JobNotFound, LeaseHeld, LogClosed, LogCorrupt
from streamsvc.jobs import lifecycle, requests
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.conversation import EXCLUSIVE, TURN_LEASES, Conversations
from streamsvc.jobs.holder import Assignment, Holder
from streamsvc.jobs.options import JobOptions
from streamsvc.jobs.pen import Pen
from streamsvc.jobs.runner import STOPS, Runner, Turn
from streamsvc.jobs.tail import Tail
from streamsvc.jobs.tails import Tails
from streamsvc.jobs.takeover import Plan, plan
from streamsvc.log import Batch
from streamsvc.producers.base import Notes, Producer
from streamsvc.store.base import FINAL, Acquired, Store
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2

log = logging.getLogger(__name__)

STOP_SECONDS = 3.0
"""How long the last words of jobs may take that are given away or stopped."""

CLAIM_SECONDS = 2.0
"""How long a claim on a conversation is respected whose job is not there: it may be about to be created."""


class Crew:
    """Runs every job that this instance holds the lease of."""

    def __init__(
        self, store: Store, tails: Tails, producers: Mapping[str, Producer], options: JobOptions, chance: Chance
    ) -> None:
        self._store = store
        self._tails = tails
        self._producers = producers
        self._options = options
        self._chance = chance
        self._runners: dict[str, Runner] = {}
        self._held: set[str] = set()  # have a runner here, will have one, or are looked after since their end
        self._starts = 0  # may have a job soon
        self._beginning: set[asyncio.Task[None]] = set()  # have a job, and no runner yet
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self.conversations = Conversations(store, self._replace, grace=CLAIM_SECONDS, clock=chance.clock)
        self._draining = False
        self._stopping = False

    @property
    def running(self) -> int:
        """How many jobs are being written here, or are about to be."""
        return self._starts + len(self._beginning) + len(self._runners)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Have a drain wait for a job that is about to be created."""
        self._starts += 1
        try:
            yield
        finally:
            self._starts -= 1
            self._tell_idle()

    def holds(self, job_id: str) -> bool:
        """Tell whether a job is written here, or still looked after."""
        return job_id in self._held

    def begin(self, assignment: Assignment, first: Batch) -> None:
        """Run a job that was just created with `first`."""
        self._spawn(assignment.lease.job_id, partial(self._run_new, assignment, first))

    async def cancel(self, job_id: str, reason: str) -> job_pb2.Job:
        """Ask a job to stop; it hears at once if it is written here. Raises JobNotFound, StoreUnavailable.

        One of processes outside the service that none of them holds is ended.
        """
        job = await self._store.request_cancel(job_id, reason)
        self.stop(job_id, reason)
        if job.status not in FINAL and (await self._store.get(job_id)).outside is not None:
            await self.take_over(job_id)
        return job

    def stop(self, job_id: str, reason: str) -> None:
        """Cancel a job if it is written here."""
        if runner := self._runners.get(job_id):
            runner.cancel(reason)

    def drop(self, job_id: str) -> None:
        """Stop writing a job that was deleted, at once if it is written here."""
        if runner := self._runners.get(job_id):
            runner.drop()

    async def take_over(self, job_id: str) -> None:
        """Become the writer of an abandoned job, unless another instance is faster. Raises StoreUnavailable."""
        if self._draining or self.holds(job_id):
            return
        asked = self._chance.clock()
        with self.starting(), suppress(LeaseHeld, LogClosed, JobNotFound):
            acquired = await self._store.acquire(job_id, self._options.lease_ttl)
            self._spawn(job_id, partial(self._run_taken, acquired, asked))

    async def drain(self, grace: timedelta) -> None:
        """Let the jobs here go on for `grace`, then give those away that are left, or end them.

        Given away are those that the next writer would go on with, if the store outlives this process.
        """
        self._draining = True
        await self._idle_within(grace.total_seconds())
        self._stopping = True
        for runner in self._runners.values():
            self._stop(runner)
        await self._idle_within(STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _stop(self, runner: Runner) -> None:
        if self._options.outlived and runner.would_go_on:
            runner.hand_over()
        else:
            runner.stop()

    async def _replace(self, job_id: str, reason: str) -> None:
        with suppress(JobNotFound):
            await self.cancel(job_id, reason)

    async def _idle_within(self, seconds: float) -> None:
        if self.running:
            self._idle.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._idle.wait()

    def _spawn(self, job_id: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self.holds(job_id):
            return  # two writers must not share a tail: the former puts back what it has, or hears that it is none
        self._held.add(job_id)
        task = asyncio.create_task(work())
        self._tasks.add(task)
        self._beginning.add(task)
        task.add_done_callback(partial(self._ended, job_id))

    def _tell_idle(self) -> None:
        if not self.running:
            self._idle.set()

    def _ended(self, job_id: str, task: asyncio.Task[None]) -> None:
        self._held.discard(job_id)
        self._tasks.discard(task)
        self._beginning.discard(task)
        self._tell_idle()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a runner ended with %s: its job is taken over when the lease has run out", type(error).__name__)

    async def _run_new(self, assignment: Assignment, first: Batch) -> None:
        job = assignment.record.job
        with self._tails.open(job.id) as tail:
            tail.feed(assignment.record, first)
            runner = self._runner(assignment, None, Notes())
            await self._run(tail, runner, assignment, [lifecycle.started(job.producer, job.model)])

    async def _run_taken(self, acquired: Acquired, asked: float) -> None:
        record = acquired.record
        digest = hashlib.sha256(acquired.request).digest()
        assignment = Assignment(acquired.lease, asked, record, acquired.request, digest)
        todo = plan(acquired, self._producers.get(record.job.producer), self._options.max_attempts)
        if record.outside is not None and todo.final is not None:
            log.info("job %s is ended: no process outside writes it any more", record.job.id)
            await self._end(assignment, todo.final)
            return
        with self._tails.open(record.job.id) as tail:
            try:
                await tail.refresh()
                state = await tail.state()
            except Exception as error:
                await self._end_unread(assignment, todo, error)
                return
            if tail.cursor != (record.job.epoch, record.job.last_offset):
                return  # taken from us already
            log.info(
                "job %s is written here now: its lease %s",
                record.job.id,
                "was given away" if acquired.handed_over else "ran out",
            )
            tail.feed(record, None)
            runner = self._runner(assignment, state if todo.continues else None, Notes(acquired.notes))
            if todo.final is not None:
                runner.end(todo.final)
            await self._run(tail, runner, assignment, todo.opening)

    async def _end_unread(self, assignment: Assignment, todo: Plan, error: Exception) -> None:
        """End a job whose log cannot be read, if it was to end or is corrupt. Else this is one more loss."""
        final = todo.final
        if final is None and isinstance(error, LogCorrupt):
            final = lifecycle.failed(lifecycle.unreadable())
        if final is None:
            raise error
        log.error("job %s is ended: reading it failed with %s", assignment.lease.job_id, type(error).__name__)
        await self._end(assignment, final)

    async def _end(self, assignment: Assignment, final: event_pb2.Event) -> None:
        batch, job = self._pen(assignment).write([final])
        await self._store.append(assignment.lease, batch, job=job)

    def _pen(self, assignment: Assignment) -> Pen:
        return Pen(
            assignment.record.job,
            assignment.lease.epoch,
            now_ms=self._chance.now_ms,
            merges=self._options.flush_interval > timedelta(),
            max_event_bytes=self._options.max_event_bytes,
            max_answer_bytes=self._options.max_answer_bytes,
        )

    def _runner(self, assignment: Assignment, so_far: state_pb2.JobState | None, notes: Notes) -> Runner:
        job, clock, random = assignment.record.job, self._chance.clock, self._chance.random
        producer, request = self._producers.get(job.producer), prepared(assignment.request, job.model)
        pen = self._pen(assignment)
        return Runner(producer, request, so_far, notes, pen, self._options, clock=clock, random=random)

    async def _run(self, tail: Tail, runner: Runner, assignment: Assignment, opening: list[event_pb2.Event]) -> None:
        job_id = assignment.lease.job_id
        holder = Holder(
            self._store,
            tail,
            assignment,
            outage_limit=self._options.store_outage_limit.total_seconds(),
            heard=runner.cancel,
            clock=self._chance.clock,
            random=self._chance.random,
        )
        self._runners[job_id] = runner
        self._beginning -= {asyncio.current_task()}
        if self._stopping:
            self._stop(runner)
        try:
            try:
                closed = await runner.run(opening, holder, self._turn(assignment))
            finally:
                del self._runners[job_id]
                self._tell_idle()
            if closed:
                await self._look_after(holder, assignment.record.job)
        finally:
            tail.unfeed()

    async def _look_after(self, holder: Holder, job: job_pb2.Job) -> None:
        """Keep the frames of an ended job for one lease: the store may still lose what it has acknowledged."""
        kept = min(self._options.lease_ttl, job.retention.ToTimedelta())
        with suppress(TimeoutError, *STOPS):
            async with asyncio.timeout(kept.total_seconds()):
                await holder.keep()

    def _turn(self, assignment: Assignment) -> Turn | None:
        """Return what a job must wait for before its producer begins: nothing, unless it shall be the only one."""
        job = assignment.record.job
        policy = job_service_pb2.StartGenerationRequest.FromString(assignment.request).concurrency
        if job.status != job_pb2.JOB_STATUS_PENDING or policy not in EXCLUSIVE or not job.conversation_id:
            return None
        limit = TURN_LEASES * self._options.lease_ttl.total_seconds()
        return partial(self.conversations.turn, job, policy, limit)


def prepared(content: bytes, model: str) -> job_service_pb2.StartGenerationRequest:
    """Return a stored request as its producer wants it: with messages instead of a prompt, and the model named."""
    request = job_service_pb2.StartGenerationRequest.FromString(content)
    messages = requests.messages_of(request)
    if request.prompt:
        request.messages.extend(messages)
        request.ClearField("prompt")
    request.model = model
    return request
