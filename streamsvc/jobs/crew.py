"""The runners of this instance: begun for new jobs, taken over from others, and stopped in good order."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from streamsvc.errors import JobNotFound, LeaseHeld, LogClosed
from streamsvc.jobs import lifecycle, requests
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.conversation import EXCLUSIVE, Conversations
from streamsvc.jobs.holder import Assignment, Holder
from streamsvc.jobs.options import JobOptions
from streamsvc.jobs.pen import Pen
from streamsvc.jobs.runner import STOPS, Runner, Turn
from streamsvc.jobs.tail import Tail
from streamsvc.jobs.tails import Tails
from streamsvc.jobs.takeover import plan
from streamsvc.log import Batch
from streamsvc.producers.base import Notes, Producer
from streamsvc.store.base import Acquired, Store
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0
"""How long the last words of stopped jobs may take."""

CLAIM_SECONDS = 2.0
"""How long a claim on a conversation is respected whose job is not there: it may be about to be created."""

TURN_LEASES = 3
"""How many leases a job waits for those before it in its conversation: one that lost its writer ends within two."""


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
        self._beginning: set[asyncio.Task[None]] = set()  # have a job, and no runner yet
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self.conversations = Conversations(store, self._replace, grace=CLAIM_SECONDS, clock=chance.clock)
        self._draining = False

    @property
    def running(self) -> int:
        """How many jobs are being written here."""
        return len(self._runners) + len(self._beginning)

    def begin(self, assignment: Assignment, first: Batch) -> None:
        """Run a job that was just created with `first`."""
        self._spawn(self._run_new(assignment, first))

    async def cancel(self, job_id: str, reason: str) -> job_pb2.Job:
        """Ask a job to stop; it hears at once if it is written here. Raises JobNotFound, StoreUnavailable."""
        job = await self._store.request_cancel(job_id, reason)
        self.stop(job_id, reason)
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
        if self._draining or job_id in self._runners:
            return
        with suppress(LeaseHeld, LogClosed, JobNotFound):
            acquired = await self._store.acquire(job_id, self._options.lease_ttl)
            self._spawn(self._run_taken(acquired))

    async def drain(self, grace: timedelta) -> None:
        """Let the jobs here go on for `grace`, then end those that are left."""
        self._draining = True
        await self._idle_within(grace.total_seconds())
        for runner in self._runners.values():
            runner.stop()
        await self._idle_within(STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _replace(self, job_id: str, reason: str) -> None:
        with suppress(JobNotFound):
            await self.cancel(job_id, reason)

    async def _idle_within(self, seconds: float) -> None:
        if self.running:
            self._idle.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._idle.wait()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        self._beginning.add(task)
        task.add_done_callback(self._ended)

    def _tell_idle(self) -> None:
        if not self.running:
            self._idle.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
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

    async def _run_taken(self, acquired: Acquired) -> None:
        job_id, record = acquired.lease.job_id, acquired.record
        digest = hashlib.sha256(acquired.request).digest()
        assignment = Assignment(acquired.lease, record, acquired.request, digest)
        with self._tails.open(job_id) as tail:
            await tail.refresh()
            state = await tail.state()
            if tail.cursor != (record.job.epoch, record.job.last_offset):
                return  # taken from us already
            tail.feed(record, None)
            producer = self._producers.get(record.job.producer)
            todo = plan(acquired, state, producer, self._options.max_attempts)
            runner = self._runner(assignment, todo.so_far, Notes(acquired.notes))
            if todo.final is not None:
                runner.end(todo.final)
            await self._run(tail, runner, assignment, todo.opening)

    def _runner(self, assignment: Assignment, so_far: state_pb2.JobState | None, notes: Notes) -> Runner:
        job, options = assignment.record.job, self._options
        request = prepared(assignment.request, job.model)
        pen = Pen(
            job,
            assignment.lease.epoch,
            now_ms=self._chance.now_ms,
            merges=options.flush_interval > timedelta(),
            max_event_bytes=options.max_event_bytes,
            max_answer_bytes=options.max_answer_bytes,
        )
        producer = self._producers.get(job.producer)
        return Runner(
            producer, request, so_far, notes, pen, options, clock=self._chance.clock, random=self._chance.random
        )

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
