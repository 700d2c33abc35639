"""Pages of the memory store's jobs."""

from __future__ import annotations

from collections.abc import Iterable

from streamsvc.errors import FieldInvalid
from streamsvc.store.memory_job import MemoryJob, copy_of
from streamsvc.store.records import JobPage, JobQuery
from streamsvc.v1 import job_pb2


def page(newest_first: Iterable[MemoryJob], query: JobQuery) -> JobPage:
    """Return the page of `query`. Its token is the place of its last job, which jobs that come later do not move."""
    before = _sequence(query.page_token)
    found: list[MemoryJob] = []
    token = ""
    for stored in newest_first:
        if stored.sequence < before and _wanted(stored.job, query):
            if len(found) == query.page_size:
                token = str(found[-1].sequence)
                break
            found.append(stored)
    return JobPage([copy_of(stored.job) for stored in found], token)


def _wanted(job: job_pb2.Job, query: JobQuery) -> bool:
    return query.scope.covers(job) and (not query.statuses or job.status in query.statuses)


def _sequence(page_token: str) -> float:
    if not page_token:
        return float("inf")
    if not page_token.isdecimal() or len(page_token) > 18:
        raise FieldInvalid.of("page_token", "not a token of this service: begin again without one")
    return int(page_token)
