"""The right to write one job, and the two that use it: what waits is sent, and the lease is renewed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from streamsvc.client.publish_calls import LONGEST_WAIT, ProducerCalls
from streamsvc.client.publish_outbox import Outbox
from streamsvc.errors import LogClosed, OffsetMismatch, StreamsvcError
from streamsvc.v1 import event_pb2
from streamsvc.v1 import producer_service_pb2 as pb

RENEWALS = 3
"""How often a lease is renewed while it lasts."""


class Holder:
    """Holds the lease of a job while it runs, and is the only one that sends what is in `outbox`.

    `interrupt` is called when somebody asks the job to stop (`cancel_reason` says why), and when it cannot be written
    any more (`error` says why).
    """

    def __init__(
        self, calls: ProducerCalls, job_id: str, lease: pb.Lease, outbox: Outbox, interrupt: Callable[[], None]
    ) -> None:
        self.cancel_reason: str | None = None
        self.error: StreamsvcError | None = None
        self._calls = calls
        self._job_id = job_id
        self._lease = lease
        self._third = lease.remaining.ToTimedelta() / RENEWALS
        self._longest_wait = min(self._third, LONGEST_WAIT)
        self._outbox = outbox
        self._interrupt = interrupt
        self._sending = False
        self._ending = False
        self._failed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Holder:
        self._hear(self._lease)
        self._tasks = [asyncio.create_task(self._guard(work)) for work in (self._send, self._renew)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def end(self, final: event_pb2.Event) -> None:
        """Send the final event behind all that waits. Raises what keeps it from being stored."""
        self._ending = True
        self._outbox.put(final)
        await self.flush()

    async def end_at_once(self, final: event_pb2.Event, seconds: float) -> None:
        """Send the final event alone, within so many seconds: what waits is refused."""
        async with asyncio.timeout(seconds):
            await self._calls.publish(self._publishing([final]), self._longest_wait)

    async def flush(self) -> None:
        """Wait until everything is stored. Raises what keeps it from that."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._outbox.emptied, self._failed)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for future in waiting:
                future.cancel()
        if self.error is not None:
            raise self.error

    async def give_away(self, seconds: float) -> None:
        """Send what waits and release the lease, within so many seconds, so that another goes on at once."""
        with suppress(StreamsvcError, TimeoutError):
            async with asyncio.timeout(seconds):
                await self.flush()
                request = pb.ReleaseLeaseRequest(job_id=self._job_id, fence=self._lease.fence)
                await self._calls.release(request, self._longest_wait)

    async def _guard(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except StreamsvcError as error:
            self.error = self.error or error
            self._failed.set()
            self._interrupt()

    async def _send(self) -> None:
        while True:
            await self._outbox.filled.wait()
            request = self._publishing(self._outbox.take())
            self._sending = True
            try:
                response = await self._calls.publish(request, self._longest_wait)
            except OffsetMismatch as mismatch:
                self._go_back(mismatch, request.after_offset)
            else:
                self._outbox.is_stored(response.last_offset)
                self._hear(response.lease)
            finally:
                self._sending = False

    async def _renew(self) -> None:
        while True:
            request = pb.RenewLeaseRequest(job_id=self._job_id, fence=self._lease.fence)
            request.last_offset = self._outbox.stored
            request.wait.FromTimedelta(self._third)
            try:
                self._hear((await self._calls.renew(request, self._longest_wait)).lease)
                if self.cancel_reason is not None:  # then no answer is held back any more
                    await asyncio.sleep(self._third.total_seconds())
            except OffsetMismatch as mismatch:
                if not self._sending:  # else whoever sends hears of it too
                    self._go_back(mismatch, request.last_offset)
            except LogClosed:
                if self._ending:
                    return
                raise

    def _publishing(self, events: Sequence[event_pb2.Event]) -> pb.PublishEventsRequest:
        return pb.PublishEventsRequest(
            job_id=self._job_id,
            fence=self._lease.fence,
            epoch=self._lease.epoch,
            after_offset=self._outbox.stored,
            events=events,
        )

    def _go_back(self, mismatch: OffsetMismatch, known: int) -> None:
        """Go on from where the log ends: after a loss in the store further back, after a lost answer further on."""
        last = int(mismatch.metadata.get("last_offset", known))
        if last > known:
            self._outbox.is_stored(last)
        elif last == known or not self._outbox.is_lost(last):
            raise mismatch

    def _hear(self, lease: pb.Lease) -> None:
        if lease.cancel_requested and self.cancel_reason is None:
            self.cancel_reason = lease.cancel_reason
            self._interrupt()
