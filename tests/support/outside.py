"""Processes outside the service that write jobs, by raw calls: a service with its internal listener, and both stubs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from streamsvc.producers.base import Producer
from streamsvc.producers.scripted import Scripted
from streamsvc.producers.worker import Worker
from streamsvc.server.app import App, ServerOptions
from streamsvc.v1 import event_pb2, job_pb2, producer_service_pb2_grpc, state_pb2
from streamsvc.v1 import job_service_pb2 as jobs_pb
from streamsvc.v1 import producer_service_pb2 as pb
from tests.support.calls import all_of, stub_of
from tests.support.service import app

AGENT = "agent"
"""The name of a producer outside the service."""


@asynccontextmanager
async def producer_stub_of(address: str) -> AsyncIterator[Any]:
    """Open a raw stub of ProducerService."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield producer_service_pb2_grpc.ProducerServiceStub(channel)


@dataclass(frozen=True)
class Inside:
    """An App here, and raw stubs of both its listeners."""

    app: App
    address: str
    jobs: Any
    producers: Any

    async def create(self, **fields: Any) -> pb.CreateJobResponse:
        """Create a job."""
        response: pb.CreateJobResponse = await self.producers.CreateJob(pb.CreateJobRequest(**fields))
        return response

    async def publish(
        self, job_id: str, lease: pb.Lease, after: int, events: Sequence[event_pb2.Event]
    ) -> pb.PublishEventsResponse:
        """Publish events under a lease."""
        response: pb.PublishEventsResponse = await self.producers.PublishEvents(
            publishing(job_id, lease, after, events)
        )
        return response

    async def events(self, job_id: str) -> Sequence[event_pb2.Event]:
        """Follow a job to its end."""
        responses = await all_of(self.jobs.StreamJob(jobs_pb.StreamJobRequest(job_id=job_id)))
        return [event for response in responses for event in response.events]

    async def state(self, job_id: str) -> state_pb2.JobState:
        """Return the state of a job."""
        response: jobs_pb.GetJobStateResponse = await self.jobs.GetJobState(jobs_pb.GetJobStateRequest(job_id=job_id))
        return response.state

    async def start(self, **fields: Any) -> job_pb2.Job:
        """Start a job for workers."""
        given = {"prompt": "why?", "producer": AGENT, **fields}
        response: jobs_pb.StartGenerationResponse = await self.jobs.StartGeneration(
            jobs_pb.StartGenerationRequest(**given)
        )
        return response.job


@asynccontextmanager
async def inside(**options: Any) -> AsyncIterator[Inside]:
    """Run an App here, with a producer `agent` outside it."""
    server = ServerOptions(listen="127.0.0.1:0", internal_listen="127.0.0.1:0", drain_readers_grace=timedelta(0))
    producers: dict[str, Producer] = {"scripted": Scripted(), AGENT: Worker(AGENT)}
    async with (
        app(producers, server=server, **options) as (running, address),
        stub_of(address) as jobs,
        producer_stub_of(running.internal_address) as writing,
    ):
        yield Inside(running, address, jobs, writing)


def publishing(job_id: str, lease: pb.Lease, after: int, events: Sequence[event_pb2.Event]) -> pb.PublishEventsRequest:
    """Return the request that appends `events` after an offset."""
    return pb.PublishEventsRequest(
        job_id=job_id, fence=lease.fence, epoch=lease.epoch, after_offset=after, events=events
    )


def seconds(amount: float) -> Duration:
    """Return a duration."""
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=amount))
    return duration


def completed() -> event_pb2.Event:
    """Return the final event of an answer that is complete."""
    return event_pb2.Event(job_completed=event_pb2.JobCompleted(finish_reason=job_pb2.FINISH_REASON_STOP))


def cancelled(reason: str = "") -> event_pb2.Event:
    """Return the final event of a job that stopped since it was asked to."""
    return event_pb2.Event(job_cancelled=event_pb2.JobCancelled(reason=reason))
