"""Calls of ProducerService, repeated at one target after the other until they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import grpc

from streamsvc.backoff import Backoff
from streamsvc.client.errors import error_of
from streamsvc.client.links import Link, Links
from streamsvc.client.options import ClientOptions
from streamsvc.client.retry import Retries
from streamsvc.v1 import producer_service_pb2 as pb

Q = TypeVar("Q")
R = TypeVar("R")

DEFAULT_TARGET = "127.0.0.1:50052"

ATTEMPT_SECONDS = 5.0
"""How long an attempt may take, beside what the service was asked to wait. All of these calls are safe to repeat."""

CREATE_SECONDS = 15.0
"""The same for CreateJob, which may have to wait for the jobs before it in its conversation."""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""How large a state may be that a claim gets."""

LONGEST_WAIT = timedelta(seconds=2)
"""How long to wait between attempts at most. Whoever holds a lease waits a third of it at most."""


class ProducerCalls:
    """Makes each call until it has an answer, for `give_up_after`. All of them raise StreamsvcError, and GaveUp.

    `longest_wait` between the attempts of a writer follows from its lease, and goes before what the service asks for:
    once a store that was out of reach answers again, others may have the job as soon as the lease has passed.
    """

    def __init__(self, targets: Sequence[str], options: ClientOptions | None) -> None:
        given = options or ClientOptions()
        backoff = Backoff(min(given.backoff.initial, LONGEST_WAIT), min(given.backoff.maximum, LONGEST_WAIT))
        self._options = replace(given, backoff=backoff, max_message_bytes=MAX_MESSAGE_BYTES)
        self._links = Links(targets or (DEFAULT_TARGET,), self._options)

    async def create(self, request: pb.CreateJobRequest) -> pb.CreateJobResponse:
        """CreateJob."""
        return await self._repeat(lambda link: link.producers.CreateJob, request, CREATE_SECONDS)

    async def claim(self, request: pb.ClaimJobRequest) -> pb.ClaimJobResponse:
        """ClaimJob."""
        seconds = request.wait.ToTimedelta().total_seconds() + CREATE_SECONDS
        return await self._repeat(lambda link: link.producers.ClaimJob, request, seconds)

    async def renew(self, request: pb.RenewLeaseRequest, longest_wait: timedelta) -> pb.RenewLeaseResponse:
        """RenewLease."""
        seconds = request.wait.ToTimedelta().total_seconds() + ATTEMPT_SECONDS
        return await self._repeat(lambda link: link.producers.RenewLease, request, seconds, longest_wait)

    async def release(self, request: pb.ReleaseLeaseRequest, longest_wait: timedelta) -> pb.ReleaseLeaseResponse:
        """ReleaseLease."""
        return await self._repeat(lambda link: link.producers.ReleaseLease, request, ATTEMPT_SECONDS, longest_wait)

    async def publish(self, request: pb.PublishEventsRequest, longest_wait: timedelta) -> pb.PublishEventsResponse:
        """PublishEvents."""
        return await self._repeat(lambda link: link.producers.PublishEvents, request, ATTEMPT_SECONDS, longest_wait)

    async def close(self) -> None:
        """Close all connections."""
        await self._links.close()

    async def _repeat(
        self,
        method: Callable[[Link], grpc.aio.UnaryUnaryMultiCallable[Q, R]],
        request: Q,
        seconds: float,
        longest_wait: timedelta = LONGEST_WAIT,
    ) -> R:
        retries = Retries(self._options, asyncio.get_running_loop().time, targets=self._links.targets)
        while True:
            async with self._links.use() as link:
                try:
                    metadata = await self._links.tokens.metadata()
                    return await method(link)(request, timeout=seconds, metadata=metadata)
                except grpc.aio.AioRpcError as failed:
                    error = error_of(failed)
                    self._links.failed(link, error)
            await asyncio.sleep(min(retries.wait(error), longest_wait.total_seconds()))
