"""The stores that the contract is tested on: one factory each, all with the same handles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Protocol

from streamsvc.store.base import Store
from tests.support.lossy_memory import LossyMemoryStore


@dataclass(frozen=True, slots=True)
class Times:
    """How long things last in a store under test. A store in real time may have shorter ones."""

    ttl: timedelta = timedelta(seconds=10)
    retention: timedelta = timedelta(seconds=60)
    safety: timedelta = timedelta(seconds=300)
    tombstone: timedelta = timedelta(seconds=1000)


class StoreUnderTest(Protocol):
    """A store, and what tests need of it that is not its users' business."""

    @property
    def store(self) -> Store:
        """The store."""
        ...

    @property
    def times(self) -> Times:
        """How long leases, retentions, running jobs and tombstones last in it."""
        ...

    async def advance(self, by: timedelta) -> None:
        """Let the store's time pass."""
        ...

    async def lose(self, job_id: str, to_offset: int, fence: int) -> None:
        """Throw a job back to its newest state with at most this last offset and fence, tombstones included.

        Without such a state the job vanishes.
        """
        ...

    async def private(self, job_id: str) -> tuple[bytes, bytes]:
        """Return the request and the notes that the store keeps of a job."""
        ...

    async def leftovers(self) -> int:
        """Return how many entries of any kind the store keeps; 0 in a new one."""
        ...

    def open_watches(self) -> int:
        """Return how many watches the store serves just now."""
        ...


class MemoryUnderTest:
    """The memory store, with a clock that the test moves."""

    def __init__(self, times: Times) -> None:
        self.times = times
        self.now = 0.0
        epochs = count(1)
        self.store = LossyMemoryStore(
            clock=lambda: self.now,
            new_epoch=lambda: f"epoch-{next(epochs)}",
            safety_time=times.safety,
            tombstone_time=times.tombstone,
        )

    async def advance(self, by: timedelta) -> None:
        """Move the clock."""
        self.now += by.total_seconds()

    async def lose(self, job_id: str, to_offset: int, fence: int) -> None:
        """See `LossyMemoryStore.lose`."""
        self.store.lose(job_id, to_offset, fence)

    async def private(self, job_id: str) -> tuple[bytes, bytes]:
        """See `LossyMemoryStore.private`."""
        return self.store.private(job_id)

    async def leftovers(self) -> int:
        """See `LossyMemoryStore.leftovers`."""
        return self.store.leftovers()

    def open_watches(self) -> int:
        """See `LossyMemoryStore.open_watches`."""
        return self.store.open_watches()


@asynccontextmanager
async def memory(times: Times | None = None) -> AsyncIterator[StoreUnderTest]:
    """Open a new memory store."""
    yield MemoryUnderTest(times or Times())


Factory = Callable[[], AbstractAsyncContextManager[StoreUnderTest]]

FACTORIES: Mapping[str, Factory] = {"memory": memory}
"""Every store that there is, by name."""
