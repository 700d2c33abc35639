"""One WatchJobs call: the jobs that stand, then each change, at least once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

from streamsvc.errors import StoreUnavailable
from streamsvc.store.base import Store
from streamsvc.store.records import Changes, JobChange, Scope
from streamsvc.v1 import job_pb2, job_service_pb2

JOBS_A_MESSAGE = 500
"""How many jobs one message tells of: a few hundred KiB."""


async def watch(
    store: Store, scope: Scope, token: str, *, poll_interval: float, heartbeat_interval: float, outage_limit: float
) -> AsyncGenerator[job_service_pb2.WatchJobsResponse, None]:
    """Yield the jobs of `scope` that are open, and for a caller with a token those that changed since; then changes.

    What is heard is a hint to ask the store again, and a timer asks too, so a lost word costs delay and nothing else.
    Never ends by itself. Raises StoreUnavailable if the store does not answer at first, or later for longer than
    `outage_limit` seconds.
    """
    loop = asyncio.get_running_loop()
    async with store.watch_jobs(scope) as hints:
        changes = await _standing(store, scope, token)
        for message in _messages(changes, caught_up=True):
            yield message
        token, told, answered = changes.token, loop.time(), loop.time()
        while True:
            await _heard(hints, min(poll_interval, max(0.0, told + heartbeat_interval - loop.time())))
            try:
                changes = await store.changed_since(scope, token)
            except StoreUnavailable:
                if loop.time() - answered > outage_limit:
                    raise
            else:
                answered = loop.time()
                if changes.jobs or changes.removed or changes.reset:
                    for message in _messages(changes, caught_up=changes.reset):
                        yield message
                    told = loop.time()
                token = changes.token
            if loop.time() >= told + heartbeat_interval:
                yield job_service_pb2.WatchJobsResponse(watch_token=token)
                told = loop.time()


async def _standing(store: Store, scope: Scope, token: str) -> Changes:
    """Return the open jobs, with what changed since the token."""
    standing = await store.changed_since(scope, "")
    if not token:
        return standing
    changed = await store.changed_since(scope, token)
    if changed.reset:
        return changed
    known = {job.id for job in changed.jobs}
    jobs = [*(job for job in standing.jobs if job.id not in known), *changed.jobs]
    return Changes(jobs, changed.removed, changed.token)


async def _heard(hints: AsyncIterator[JobChange], seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await anext(hints)


def _messages(changes: Changes, *, caught_up: bool) -> list[job_service_pb2.WatchJobsResponse]:
    """Return the messages that tell of `changes`. Only the last one has the token: until then nothing is complete."""
    jobs: list[job_pb2.Job] = list(changes.jobs)
    pages = [jobs[i : i + JOBS_A_MESSAGE] for i in range(0, len(jobs), JOBS_A_MESSAGE)] or [[]]
    messages = [job_service_pb2.WatchJobsResponse(jobs=page) for page in pages]
    messages[0].reset = changes.reset
    messages[-1].removed_job_ids.extend(changes.removed)
    messages[-1].watch_token = changes.token
    messages[-1].caught_up = caught_up
    return messages
