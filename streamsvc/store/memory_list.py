"""Pages of the memory store's jobs, newest first by the time they were made and then by id."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping

from streamsvc.store.memory_job import MemoryJob, copy_of
from streamsvc.store.pages import Place, parse, token_of
from streamsvc.store.records import JobPage, JobQuery
from streamsvc.v1 import job_pb2


class Listing:
    """The places of all jobs, in order. A job that was lost and put back has the place it had."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._by_id: dict[str, Place] = {}

    def add(self, job: job_pb2.Job) -> None:
        """Add a job."""
        place = self._by_id[job.id] = Place(job.create_time.ToMilliseconds(), job.id)
        insort(self._places, place)

    def remove(self, job_id: str) -> None:
        """Remove a job that was added."""
        del self._places[bisect_left(self._places, self._by_id.pop(job_id))]

    def page(self, jobs: Mapping[str, MemoryJob], query: JobQuery) -> JobPage:
        """Return the page of `query`. Its token is the place of its last job, which jobs that come later do not move.

        Raises FieldInvalid.
        """
        end = bisect_left(self._places, parse(query.page_token)) if query.page_token else len(self._places)
        found: list[MemoryJob] = []
        for place in reversed(self._places[:end]):
            stored = jobs[place.job_id]
            if query.wants(stored.job):
                if len(found) == query.page_size:
                    return JobPage([copy_of(one.job) for one in found], token_of(self._by_id[found[-1].job.id]))
                found.append(stored)
        return JobPage([copy_of(one.job) for one in found], "")
