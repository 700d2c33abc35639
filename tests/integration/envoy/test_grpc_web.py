"""gRPC-Web through Envoy: calls, streams, errors with their details, and an instance that drains."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.v1 import event_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.integration.envoy.conftest import Edge
from tests.support.events import scripted, text_of
from tests.support.grpc_web import Ended, WebCall
from tests.support.service import LIMIT
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

OK = 0
READERS = 10
"""So many that both instances have some."""


async def started(url: str, request: pb.StartGenerationRequest) -> str:
    """Start a job, and return its id."""
    call = WebCall(url, "StartGeneration", request)
    (answer,) = [message async for message in call]
    assert call.ended.code == OK
    return pb.StartGenerationResponse.FromString(answer).job.id


class WebReader:
    """A reader as a page is one: it keeps a cursor, and calls again until a call has ended well."""

    def __init__(self, url: str, job_id: str) -> None:
        self._url = url
        self._cursor = pb.StreamJobRequest(job_id=job_id)
        self.events: list[event_pb2.Event] = []
        self.turned_away: list[Ended] = []

    async def follow(self) -> None:
        """Read to the end of the job."""
        async with asyncio.timeout(LIMIT):
            while not await self._call():
                pass

    async def _call(self) -> bool:
        call = WebCall(self._url, "StreamJob", self._cursor)
        async for message in call:
            response = pb.StreamJobResponse.FromString(message)
            self.events += response.events
            self._cursor.after_offset = self.events[-1].offset if self.events else 0
            self._cursor.epoch = response.epoch or self._cursor.epoch
        if call.ended.code != OK:
            self.turned_away.append(call.ended)
        return call.ended.code == OK


async def test_a_page_starts_a_job_and_follows_it(edge: Edge) -> None:
    job_id = await started(edge.envoy.url, scripted(tokens=20, rate=0, pattern="count"))
    reader = WebReader(edge.envoy.url, job_id)
    await reader.follow()
    assert [event.offset for event in reader.events] == list(range(1, len(reader.events) + 1))
    assert text_of(reader.events).split() == [str(number) for number in range(20)]
    assert reader.turned_away == []


async def test_a_page_reads_why_a_call_is_refused(edge: Edge) -> None:
    call = WebCall(edge.envoy.url, "GetJobState", pb.GetJobStateRequest(job_id="0" * 32))
    assert [message async for message in call] == []
    assert (call.ended.code, call.ended.reason) == (5, "JOB_NOT_FOUND")


async def test_a_page_hears_of_jobs_that_others_start(edge: Edge) -> None:
    request = scripted(tokens=1, rate=0)
    request.conversation_id = "a conversation"
    call = WebCall(edge.envoy.url, "WatchJobs", pb.WatchJobsRequest(conversation_id=request.conversation_id))
    job_id = ""
    async for message in call:
        response = pb.WatchJobsResponse.FromString(message)
        if response.caught_up and not job_id:
            job_id = await started(edge.envoy.url, request)
        if job_id in [job.id for job in response.jobs]:
            break
    assert job_id


async def test_an_instance_that_drains_tells_pages_when_to_call_again_and_the_other_goes_on(edge: Edge) -> None:
    job_id = await started(edge.envoy.url, scripted(tokens=150, rate=50, pattern="count"))
    readers = [WebReader(edge.envoy.url, job_id) for _ in range(READERS)]
    draining = edge.instances[0]
    async with asyncio.TaskGroup() as following:
        for reader in readers:
            following.create_task(reader.follow())
        await eventually(lambda: all(len(reader.events) > 10 for reader in readers))
        assert await draining.terminate() == 0
        await draining.start()
    words = [str(number) for number in range(150)]
    for reader in readers:
        assert [event.offset for event in reader.events] == list(range(1, len(reader.events) + 1))
        assert text_of(reader.events).split() == words
    told = [ended for reader in readers for ended in reader.turned_away if ended.reason == "SERVER_DRAINING"]
    assert told
    assert all(ended.retry_seconds for ended in told)
