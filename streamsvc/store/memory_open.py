"""The open jobs of the memory store, and which of them have no holder."""

from __future__ import annotations

from collections.abc import Sequence

from streamsvc.store.memory_job import MemoryJob


class OpenJobs:
    """Jobs by id, as long as their logs are open. `now` is a reading of the store's clock, in seconds."""

    def __init__(self) -> None:
        self._jobs: dict[str, MemoryJob] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._jobs)

    def add(self, stored: MemoryJob) -> None:
        """Add a job."""
        self._jobs[stored.job.id] = stored

    def discard(self, job_id: str) -> None:
        """Remove a job, if it is there."""
        self._jobs.pop(job_id, None)

    def abandoned(self, now: float, *, released: bool) -> Sequence[str]:
        """See `Leases.abandoned`."""
        found = [stored for stored in self._jobs.values() if stored.free_at() <= now]
        return [stored.job.id for stored in found if stored.released or not released]

    def waiting(self, producer: str, now: float, *, released: bool) -> Sequence[str]:
        """See `Leases.waiting`."""
        found = [stored for stored in self._jobs.values() if stored.waits_for(producer, now)]
        found.sort(key=lambda stored: stored.lease_end)
        return [stored.job.id for stored in found if stored.released or not released]

    def claimed(self, name: str, now: float) -> str:
        """See `Leases.claimed`."""
        found = (stored for stored in self._jobs.values() if stored.claim == name and stored.lease_end > now)
        return next((stored.job.id for stored in found), "")
