"""Jobs as they start, change and end, at least once each, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

from streamsvc.client.errors import Unreachable
from streamsvc.client.links import Links
from streamsvc.client.options import ClientOptions
from streamsvc.client.reading import responses
from streamsvc.client.retry import Retries
from streamsvc.errors import StreamsvcError
from streamsvc.v1 import job_pb2, job_service_pb2


@dataclass(frozen=True, slots=True)
class JobsUpdate:
    """Jobs that are new or changed, and ids of jobs that are gone. A job may come again unchanged.

    `reset`: forget what was known before. `caught_up`: with this, everything up to now was told.
    """

    jobs: tuple[job_pb2.Job, ...]
    removed: tuple[str, ...]
    reset: bool
    caught_up: bool


class JobWatch:
    """Iterates over `JobsUpdate`s: the jobs that are open, with a token those that changed since; then changes.

    `token` is where the watch is; given to another watch, in another process perhaps, it goes on from there. Never ends
    by itself. Raises StreamsvcError by its reason, and GaveUp if nothing came for too long.
    """

    def __init__(self, links: Links, conversation_id: str, token: str, options: ClientOptions) -> None:
        self.token = token
        self.reconnects = 0
        self._links = links
        self._conversation_id = conversation_id
        self._options = options
        self._silence = 2 * options.heartbeat_interval.total_seconds()
        self._retries = Retries(options, time.monotonic)
        self._updates = self._run()

    def __aiter__(self) -> AsyncIterator[JobsUpdate]:
        return self._updates

    async def __aenter__(self) -> JobWatch:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop watching."""
        await self._updates.aclose()

    async def _run(self) -> AsyncGenerator[JobsUpdate, None]:
        while True:
            try:
                async with aclosing(self._attempt()) as updates:
                    async for update in updates:
                        yield update
                raise Unreachable("the watch ended")
            except StreamsvcError as error:
                wait = self._retries.wait(error)
                self.reconnects += 1
                await asyncio.sleep(wait)

    async def _attempt(self) -> AsyncGenerator[JobsUpdate, None]:
        request = job_service_pb2.WatchJobsRequest(conversation_id=self._conversation_id, watch_token=self.token)
        request.heartbeat_interval.FromTimedelta(timedelta(seconds=self._silence / 2))
        async with self._links.use() as link:
            call = link.stub.WatchJobs(request, metadata=await self._links.tokens.metadata())
            async with aclosing(responses(self._links, link, call, self._silence)) as messages:
                async for message in messages:
                    self._retries.progress()
                    if message.jobs or message.removed_job_ids or message.reset or message.caught_up:
                        removed = tuple(message.removed_job_ids)
                        yield JobsUpdate(tuple(message.jobs), removed, message.reset, message.caught_up)
                    # Only now: what was handed out is what the next call need not tell again.
                    self.token = message.watch_token or self.token
