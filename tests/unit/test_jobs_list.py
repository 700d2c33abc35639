"""ListJobs and DeleteJob, and whose jobs they reach."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.errors import FieldInvalid, JobNotFound, ScopeMissing
from streamsvc.principal import ANONYMOUS, Principal
from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.producers import STOP
from tests.support.rig import Rig, one_rig
from tests.support.virtual_time import in_virtual_time, settle

STRANGER = Principal("stranger")


async def _later(rig: Rig) -> job_pb2.Job:
    """Start a job in a millisecond of its own: those of the same one are listed by their ids."""
    await asyncio.sleep(0.001)
    return await rig.start(conversation_id="c")


@in_virtual_time
async def test_pages_hold_every_job_once_newest_first_while_more_are_started() -> None:
    async with one_rig() as rig:
        jobs = [(await _later(rig)).id for _ in range(7)]
        seen: list[str] = []
        request = pb.ListJobsRequest(page_size=3, conversation_id="c")
        while True:
            page = await rig.jobs.list(ANONYMOUS, request)
            seen += [job.id for job in page.jobs]
            await _later(rig)
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        assert seen == jobs[::-1]


@in_virtual_time
async def test_a_status_filter_finds_ended_jobs() -> None:
    async with one_rig() as rig:
        ended = await rig.start(labels={"team": "a"}, previous_job_id="a" * 32)
        rig.told.say(STOP)
        await rig.read(ended.id)
        await rig.start()
        page = await rig.jobs.list(ANONYMOUS, pb.ListJobsRequest(statuses=[job_pb2.JOB_STATUS_COMPLETED]))
        assert [job.id for job in page.jobs] == [ended.id]
        assert dict(page.jobs[0].labels) == {"team": "a"}
        assert page.jobs[0].previous_job_id == "a" * 32


@in_virtual_time
async def test_nobody_sees_or_deletes_the_jobs_of_others() -> None:
    async with one_rig() as rig:
        job = await rig.start()
        assert not (await rig.jobs.list(STRANGER, pb.ListJobsRequest())).jobs
        with pytest.raises(JobNotFound):
            await rig.jobs.delete(STRANGER, job.id)
        with pytest.raises(ScopeMissing):
            await rig.jobs.list(STRANGER, pb.ListJobsRequest(owner="anonymous"))
        reader = Principal("auditor", scopes=frozenset({"jobs.read_all"}))
        page = await rig.jobs.list(reader, pb.ListJobsRequest(owner="anonymous"))
        assert [found.id for found in page.jobs] == [job.id]


@in_virtual_time
async def test_deleting_a_running_job_closes_its_upstream_and_ends_its_readers() -> None:
    async with one_rig() as rig:
        job = await rig.start()
        reader = rig.reader(job.id)
        await reader.until(lambda seen: len(seen.events) == 2)
        await rig.jobs.delete(ANONYMOUS, job.id)
        await settle()
        assert rig.told.closed == 1
        with pytest.raises(JobNotFound):
            await reader.done()
        with pytest.raises(JobNotFound):
            await rig.state(job.id)
        await rig.jobs.delete(ANONYMOUS, job.id)


@in_virtual_time
@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListJobsRequest(page_size=-1), "page_size"),
        (pb.ListJobsRequest(page_size=1001), "page_size"),
        (pb.ListJobsRequest(page_token="not one"), "page_token"),
        (pb.ListJobsRequest(conversation_id="c" * 129), "conversation_id"),
        (pb.ListJobsRequest(statuses=[77]), "statuses[0]"),  # type: ignore[list-item]
    ],
)
async def test_a_bad_list_request_names_its_field(request_: pb.ListJobsRequest, field: str) -> None:
    async with one_rig() as rig:
        with pytest.raises(FieldInvalid) as raised:
            await rig.jobs.list(ANONYMOUS, request_)
        assert raised.value.violations[0].field == field
