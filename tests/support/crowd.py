"""Readers of one job that arrive at random moments, over connections that are cut at random bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any

from streamsvc.backoff import Backoff
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.checker import Record
from tests.support.fleet import Instance
from tests.support.following import REPLAY, Follower
from tests.support.proxy import Proxy
from tests.support.service import client_of

SNAPSHOT = pb.CATCH_UP_MODE_SNAPSHOT

AT_ONCE = Backoff(maximum=timedelta(milliseconds=200))
"""How clients wait in tests that cut them off all the time."""


class Crowd:
    """Readers of a job, each with a client of its own that knows `addresses` in an order of its own.

    `options` are those of ClientOptions. They are the record of what happened, `readers`, and let go of their
    connections with the `async with` block.
    """

    def __init__(self, job_id: str, addresses: Sequence[str], random: Random, **options: Any) -> None:
        self._options = {"backoff": AT_ONCE, **options}
        self.readers: list[Follower] = []
        self._job_id = job_id
        self._addresses = addresses
        self._random = random
        self._clients = AsyncExitStack()

    async def __aenter__(self) -> Crowd:
        return self

    async def __aexit__(self, *_: object) -> None:
        for reader in self.readers:
            await reader.leave()
        await self._clients.aclose()

    @property
    def reconnects(self) -> int:
        """How often they had to call again, all together."""
        return sum(reader.stream.reconnects for reader in self.readers)

    async def add(self, catch_up: pb.CatchUpMode.ValueType = REPLAY) -> Follower:
        """Have one reader arrive now."""
        order = self._random.sample(self._addresses, len(self._addresses))
        client = await self._clients.enter_async_context(client_of(*order, **self._options))
        reader = Follower(client, self._job_id, f"{len(self.readers)} at {order[0]}", catch_up=catch_up)
        self.readers.append(reader)
        return reader

    async def arrive(self, count: int, pacer: Follower, last: int) -> None:
        """Have `count` readers arrive while `pacer`, another reader, comes to the event `last`.

        Half of them, by chance, ask for a snapshot.
        """
        for offset in sorted(self._random.randrange(last) for _ in range(count)):
            await pacer.until(has(offset))
            await self.add(self._random.choice((REPLAY, SNAPSHOT)))


@asynccontextmanager
async def cutting(
    instances: Iterable[Instance], random: Random, *, cuts: int, cut_after: tuple[int, int]
) -> AsyncIterator[list[Proxy]]:
    """Run a proxy before each of the instances; see `Proxy` for what it cuts."""
    async with AsyncExitStack() as opened:
        yield [
            await opened.enter_async_context(Proxy(instance.address, random=random, cuts=cuts, cut_after=cut_after))
            for instance in instances
        ]


def has(count: int) -> Callable[[Record], bool]:
    """Return the question whether a record has so many items; see `Follower.until`."""
    return lambda record: len(record.items) >= count
