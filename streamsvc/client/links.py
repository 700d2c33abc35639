"""Connections to the targets: one in use, another one after a failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc

from streamsvc.client.errors import resumable
from streamsvc.client.options import ClientOptions
from streamsvc.client.tokens import Tokens
from streamsvc.errors import StreamsvcError, TokenInvalid
from streamsvc.v1 import job_service_pb2_grpc, producer_service_pb2_grpc

_KEEPALIVE_MS = 10_000
_RECONNECT_MS = (100, 1_000)
_CONNECT_MS = 3_000
"""How long a connection may take to be made: gRPC has no other name for this than the least backoff."""


@dataclass(eq=False, slots=True)
class Link:
    """A connection in use by `users` calls: to the public face or to the inner one, whichever the target is."""

    channel: grpc.aio.Channel
    stub: job_service_pb2_grpc.JobServiceAsyncStub
    producers: producer_service_pb2_grpc.ProducerServiceAsyncStub
    users: int = 0
    retired: bool = False


class Links:
    """Hands out the link in use; `failed` moves on to a new connection, to the next target if there are several.

    The old connection may be half open, with nobody at the other end, so it is never tried again; it is closed when
    its last call has let go of it.
    """

    def __init__(self, targets: Sequence[str], options: ClientOptions) -> None:
        if not targets:
            raise ValueError("a client needs at least one target, such as 127.0.0.1:50051")
        self._targets = targets
        self._options = options
        self.tokens = Tokens(options.token)
        self._turn = 0
        self._link: Link | None = None
        self._retired: set[Link] = set()

    @property
    def targets(self) -> int:
        """How many targets there are."""
        return len(self._targets)

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Link, None]:
        """Use the present link for one call."""
        if self._link is None:
            self._link = self._open(self._targets[self._turn % len(self._targets)])
        link = self._link
        link.users += 1
        try:
            yield link
        finally:
            link.users -= 1
            if link.retired and link.users == 0:
                self._retired.discard(link)
                await link.channel.close()

    def failed(self, link: Link, error: StreamsvcError) -> None:
        """Take note that a call on `link` failed. If another attempt may help, it uses another connection."""
        if isinstance(error, TokenInvalid):
            self.tokens.refused()
        if resumable(error) and self._link is link:
            self._link = None
            self._turn += 1
            link.retired = True
            self._retired.add(link)

    async def close(self) -> None:
        """Close all connections."""
        for link in [*self._retired, *([self._link] if self._link else [])]:
            await link.channel.close()
        self._retired.clear()
        self._link = None

    def _open(self, target: str) -> Link:
        initial, maximum = _RECONNECT_MS
        channel = grpc.aio.insecure_channel(
            target,
            options=[
                ("grpc.use_local_subchannel_pool", 1),  # else a new channel would share the broken connection
                ("grpc.initial_reconnect_backoff_ms", initial),
                ("grpc.min_reconnect_backoff_ms", _CONNECT_MS),
                ("grpc.max_reconnect_backoff_ms", maximum),
                ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
                ("grpc.keepalive_timeout_ms", _KEEPALIVE_MS // 2),
                ("grpc.max_receive_message_length", self._options.max_message_bytes),
            ],
        )
        producers = producer_service_pb2_grpc.ProducerServiceStub(channel)
        return Link(channel, job_service_pb2_grpc.JobServiceStub(channel), producers)
