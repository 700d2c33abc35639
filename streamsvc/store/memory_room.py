"""How much the jobs of the memory store take, and which of them is forgotten first when that is too much."""

from __future__ import annotations

from streamsvc.errors import Overloaded
from streamsvc.store.memory_job import MemoryJob


class Room:
    """Room for `max_bytes`. `ended` are the jobs that have ended, in order of their end."""

    def __init__(self, max_bytes: int) -> None:
        self.bytes = 0
        self.ended: dict[str, None] = {}
        self._max_bytes = max_bytes

    def weigh(self, stored: MemoryJob) -> None:
        """Take note of what a job takes now."""
        self.bytes += stored.size - stored.weighed
        stored.weighed = stored.size

    def leave(self, stored: MemoryJob) -> None:
        """Take note that a job is forgotten."""
        self.bytes -= stored.weighed
        self.ended.pop(stored.job.id, None)

    def surplus(self, size: int, but: str = "") -> str | None:
        """Return the job that must be forgotten next so that `size` more bytes fit in, None if there is none."""
        if self.bytes + size <= self._max_bytes:
            return None
        oldest = next(iter(self.ended), but)
        return oldest if oldest != but else None

    def check(self, size: int) -> None:
        """Raise Overloaded if so many bytes do not fit in."""
        if self.bytes + size > self._max_bytes:
            limit = str(self._max_bytes)
            raise Overloaded(f"running jobs fill the memory store (memory_store_bytes={limit})", {"limit": limit})
