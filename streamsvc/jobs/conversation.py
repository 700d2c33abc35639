"""One running job a conversation, for those who ask for it (docs/adr/0005-conversations.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from streamsvc.errors import ConversationBusy, JobNotFound, StoreUnavailable
from streamsvc.jobs import lifecycle
from streamsvc.store.base import Store
from streamsvc.store.records import JobQuery, Scope
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2

EXCLUSIVE = (job_service_pb2.CONCURRENCY_POLICY_REJECT, job_service_pb2.CONCURRENCY_POLICY_REPLACE)
"""The policies under which a conversation has at most one running job."""

OPEN = frozenset({job_pb2.JOB_STATUS_PENDING, job_pb2.JOB_STATUS_RUNNING})

TURN_LEASES = 3
"""How many leases a job waits for those before it in its conversation: one that lost its writer ends within two."""

LOOK_SECONDS = 0.02
"""How often to look whether the jobs in the way have ended."""


class Conversations:
    """Gives a conversation to one job after the other.

    A start claims the conversation, creates its job, and lets the producer begin only if the claim still stands and
    every other job of the conversation has ended. `cancel` asks a job to stop. `grace` is how long, in seconds, a claim
    whose job is not there is respected: it may be about to be created. `clock` returns seconds that never go back.
    """

    def __init__(
        self,
        store: Store,
        cancel: Callable[[str, str], Awaitable[object]],
        *,
        grace: float,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._cancel = cancel
        self._grace = grace
        self._clock = clock

    async def enter(self, job: job_pb2.Job, policy: int) -> None:
        """Claim the conversation of a job that is about to be created.

        Under REJECT raises ConversationBusy if another job is open; under REPLACE asks the others to stop.
        """
        holder = await self._holder(job)
        while holder != job.id:
            if policy == job_service_pb2.CONCURRENCY_POLICY_REJECT and await self._in_the_way(holder):
                raise _busy(job, holder)
            holder = await self._claim(job, job.id, over=holder)
        others = await self._others(job)
        if policy == job_service_pb2.CONCURRENCY_POLICY_REJECT and others:
            await self.leave(job)
            raise _busy(job, others[0])
        if await self._holder(job) == job.id:
            await self._stop(others, job)

    async def leave(self, job: job_pb2.Job) -> None:
        """Let go of the claim of a job that was not created after all."""
        await self._claim(job, "", over=job.id)

    async def turn(self, job: job_pb2.Job, policy: int, limit: float) -> event_pb2.Event | None:
        """Wait until the producer of a created job may begin.

        Returns None then, or how the job ends instead: another one has taken the conversation, or is in the way and
        does not end within `limit` seconds.
        """
        began = self._clock()
        while True:
            with suppress(StoreUnavailable):
                others = await self._others(job)
                if (holder := await self._holder(job)) != job.id:
                    return lifecycle.cancelled(f"job {holder} has taken its place in the conversation")
                if not others:
                    return None
                if policy == job_service_pb2.CONCURRENCY_POLICY_REPLACE:
                    await self._stop(others, job)
            if self._clock() - began > limit:
                return lifecycle.failed(lifecycle.conversation_busy(limit))
            await asyncio.sleep(LOOK_SECONDS)

    async def _in_the_way(self, holder: str) -> bool:
        began = self._clock()
        while True:
            try:
                return not (await self._store.get(holder)).closed
            except JobNotFound:
                if self._clock() - began > self._grace:
                    return False
            await asyncio.sleep(LOOK_SECONDS)

    async def _holder(self, job: job_pb2.Job) -> str:
        """Return who has the conversation: this job, if nobody had it.

        Whoever was listed before this job was found to have it has lost it: those who take it from this job come after.
        """
        return await self._claim(job, job.id, over="")

    async def _others(self, job: job_pb2.Job) -> Sequence[str]:
        scope = Scope(job.owner, job.conversation_id)
        page = await self._store.list(JobQuery(scope, OPEN, page_size=1000))
        return [found.id for found in page.jobs if found.id != job.id]

    async def _stop(self, others: Sequence[str], job: job_pb2.Job) -> None:
        for other in others:
            await self._cancel(other, f"replaced by job {job.id}")

    async def _claim(self, job: job_pb2.Job, job_id: str, *, over: str) -> str:
        return await self._store.claim(job.owner, job.conversation_id, job_id, over=over)


def _busy(job: job_pb2.Job, holder: str) -> ConversationBusy:
    text = f"conversation {job.conversation_id!r} has a running job, {holder}: follow that one, or use REPLACE"
    return ConversationBusy(text, {"job_id": holder, "conversation_id": job.conversation_id})
