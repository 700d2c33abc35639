"""The order in which jobs of the memory store changed, so that a watch can go on from a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamsvc.store.memory_job import MemoryJob, copy_of
from streamsvc.store.records import Changes, Scope
from streamsvc.v1 import job_pb2

MAX_REMOVED = 10_000
"""How many jobs that are gone are remembered. A token from before that cannot be served."""


@dataclass(frozen=True, slots=True)
class _Removed:
    job: job_pb2.Job
    at: int


class ChangeLog:
    """Numbers changes 1, 2, 3, ... A token is the store's name and the number of the newest change."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._at = 0
        self._floor = 0
        self._changed: dict[str, int] = {}  # by job, in order of the newest change
        self._removed: dict[str, _Removed] = {}

    def changed(self, job_id: str) -> None:
        """Take note that a job is new or changed."""
        self._at += 1
        self._changed.pop(job_id, None)
        self._removed.pop(job_id, None)
        self._changed[job_id] = self._at

    def removed(self, job: job_pb2.Job) -> None:
        """Take note that a job is gone."""
        self._at += 1
        self._changed.pop(job.id, None)
        kept = job_pb2.Job(id=job.id, owner=job.owner, conversation_id=job.conversation_id)
        self._removed[job.id] = _Removed(kept, self._at)
        if len(self._removed) > MAX_REMOVED:
            oldest = next(iter(self._removed))
            self._floor = self._removed.pop(oldest).at

    def since(self, scope: Scope, token: str, jobs: Mapping[str, MemoryJob]) -> Changes:
        """See `JobTable.changed_since`."""
        after = self._number(token)
        newest = f"{self._name}-{self._at}"
        if after is None:
            open_jobs = [copy_of(found.job) for found in jobs.values() if not found.closed and scope.covers(found.job)]
            return Changes(open_jobs, (), newest, reset=bool(token))
        changed = []
        for job_id in reversed(self._changed):
            if self._changed[job_id] <= after:
                break
            if scope.covers(jobs[job_id].job):
                changed.append(copy_of(jobs[job_id].job))
        gone = [job_id for job_id, removed in self._removed.items() if removed.at > after and scope.covers(removed.job)]
        return Changes(changed[::-1], gone, newest)

    def _number(self, token: str) -> int | None:
        name, _, number = token.rpartition("-")
        if name != self._name or not number.isdecimal() or len(number) > 18:
            return None
        return int(number) if self._floor <= int(number) <= self._at else None
