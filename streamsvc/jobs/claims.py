"""Claims: which job a process outside the service gets, and what that job's log begins with under its new writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from streamsvc.errors import JobNotFound, LeaseHeld, LogClosed
from streamsvc.jobs.bells import Bells, heard
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.conversation import EXCLUSIVE, TURN_LEASES, Conversations
from streamsvc.jobs.options import JobOptions
from streamsvc.jobs.origin import Origin
from streamsvc.jobs.pen import Pen
from streamsvc.jobs.takeover import Plan, claimed
from streamsvc.store.base import FINAL, Acquired, Claim, Lease, Store
from streamsvc.v1 import event_pb2, job_pb2

CALM_RETRY = timedelta(seconds=1)


class Claims:
    """Hands jobs to those who ask for them.

    `calm` tells whether the store has answered for so long that a writer whose lease ran out is lost, and not just kept
    from renewing it. `bells` rings for a producer when one of its jobs begins to wait. Once `stopped` none waits here.
    """

    def __init__(
        self,
        store: Store,
        conversations: Conversations,
        options: JobOptions,
        chance: Chance,
        bells: Bells,
        calm: Callable[[], bool],
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._options = options
        self._chance = chance
        self._bells = bells
        self._calm = calm
        self.stopped = False

    async def of_producer(
        self, producer: str, name: str, ttl: timedelta, wait: float, left: asyncio.Event
    ) -> Acquired | None:
        """Claim any job of a producer, waiting so many seconds for one. Returns None if none came.

        For a caller that has `left` none is taken: it would have to wait until the lease of nobody has run out.
        """
        clock = self._chance.clock
        deadline = clock() + wait
        if name and (job_id := await self._store.claimed(name)):
            acquired = await self._try(job_id, Claim(name), ttl)
            if acquired is not None:
                return acquired
        with self._bells.listening(producer) as bell:
            while not (left.is_set() or self.stopped):
                for job_id in await self._store.waiting(producer, released=not self._calm()):
                    acquired = await self._try(job_id, Claim(name), ttl)
                    if acquired is not None:
                        return acquired
                remaining = deadline - clock()
                if remaining <= 0:
                    break
                await heard(bell, min(remaining, self._options.poll_interval.total_seconds()))
        return None

    async def of_job(self, job: job_pb2.Job, name: str, ttl: timedelta) -> Acquired:
        """Claim one job. Raises LeaseHeld, LogClosed, JobNotFound, StoreUnavailable."""
        if job.status in FINAL:
            raise _ended(job)
        if not (self._calm() or await self._is_free(job, name)):
            text = "the store was out of reach: the job's writer may be about to come back"
            raise LeaseHeld(text, {"job_id": job.id}, retry_after=CALM_RETRY)
        acquired = await self._store.acquire(job.id, ttl, claim=Claim(name))
        begun = await self.begin(acquired, "")
        if begun is None:
            raise _ended(job)
        return begun

    async def begin(self, acquired: Acquired, reason: str, *, max_attempts: int | None = None) -> Acquired | None:
        """Write what a log goes on with under its new writer. Returns its lease, None if the job has ended instead.

        `reason` says why the former writer is not the writer any more, empty for what the lease tells.
        """
        origin = Origin.unpack(acquired.request)
        todo = claimed(acquired, origin, reason, max_attempts)
        if todo.opening and acquired.record.job.status == job_pb2.JOB_STATUS_PENDING:
            final = await self._turn(acquired, origin.concurrency)
            todo = todo if final is None else Plan(final=final)
        events = todo.opening if todo.final is None else [todo.final]
        lease = await self._write(acquired, events) if events else acquired.lease
        return replace(acquired, lease=lease) if todo.final is None else None

    async def _is_free(self, job: job_pb2.Job, name: str) -> bool:
        """Tell whether a job was given away, or whether this claim has it already."""
        if name and await self._store.claimed(name) == job.id:
            return True
        return job.id in await self._store.waiting(job.producer, released=True)

    async def _try(self, job_id: str, claim: Claim, ttl: timedelta) -> Acquired | None:
        with suppress(LeaseHeld, LogClosed, JobNotFound):
            acquired = await self._store.acquire(job_id, ttl, claim=claim)
            return await self.begin(acquired, "", max_attempts=self._options.max_attempts)
        return None

    async def _turn(self, acquired: Acquired, policy: int) -> event_pb2.Event | None:
        """Wait until the job may begin in its conversation, and hold it meanwhile. Returns how it ends instead."""
        job, lease = acquired.record.job, acquired.lease
        if policy not in EXCLUSIVE or not job.conversation_id:
            return None
        clock = self._chance.clock
        until = clock() + TURN_LEASES * self._options.lease_ttl.total_seconds()
        while True:
            final = await self._conversations.turn(job, policy, lease.ttl.total_seconds() / 3)
            if final is None or final.HasField("job_cancelled") or clock() > until:
                return final
            await self._store.renew(lease, job.last_offset)

    async def _write(self, acquired: Acquired, events: list[event_pb2.Event]) -> Lease:
        options, record = self._options, acquired.record
        pen = Pen(
            record.job,
            acquired.lease.epoch,
            now_ms=self._chance.now_ms,
            merges=False,
            max_event_bytes=options.max_event_bytes,
            max_answer_bytes=options.max_answer_bytes,
        )
        batch, job = pen.write(events)
        return await self._store.append(acquired.lease, batch, job=job)


def _ended(job: job_pb2.Job) -> LogClosed:
    return LogClosed(f"job {job.id} has ended", {"job_id": job.id, "last_offset": str(job.last_offset)})
