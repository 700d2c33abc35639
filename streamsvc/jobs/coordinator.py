"""What the service can do, without gRPC: start, stream, state, cancel, and stopping in good order."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from datetime import timedelta

from streamsvc.errors import (
    JobDeleted,
    JobNotFound,
    ModelUnknown,
    ProducerUnknown,
    ScopeMissing,
    ServerDraining,
    StateTooLarge,
    StoreUnavailable,
)
from streamsvc.jobs import answers, requests, watcher
from streamsvc.jobs.answers import Answers, answered_once
from streamsvc.jobs.beginning import first_batch, job_id_of
from streamsvc.jobs.calls import Calls
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.conversation import EXCLUSIVE
from streamsvc.jobs.crew import Crew, prepared
from streamsvc.jobs.holder import Assignment
from streamsvc.jobs.options import JobOptions
from streamsvc.jobs.pulse import Pulse
from streamsvc.jobs.reader import CatchUp, Patience, Reader
from streamsvc.jobs.reaper import Reaper
from streamsvc.jobs.tails import Tails
from streamsvc.jobs.writers import Writers
from streamsvc.log import Cursor
from streamsvc.principal import Principal
from streamsvc.producers.base import Producer
from streamsvc.producers.worker import Worker
from streamsvc.store.base import Store
from streamsvc.store.records import JobQuery, JobRecord, Scope
from streamsvc.v1 import job_pb2, job_service_pb2, state_pb2

MAX_STATE_BYTES = 3 * 1024 * 1024
"""What fits into one message of a client that takes 4 MiB, gRPC's default."""

ACT_FOR_OTHERS = "jobs.act_for_others"
"""The scope of a caller that may start jobs that belong to somebody else."""

READ_ALL = "jobs.read_all"
"""The scope of a caller that may list the jobs of others."""

DRAIN_RETRY = timedelta(seconds=1)

_CATCH_UP = {
    job_service_pb2.CATCH_UP_MODE_SNAPSHOT: CatchUp.SNAPSHOT,
    job_service_pb2.CATCH_UP_MODE_SKIP: CatchUp.SKIP,
}


class Jobs:
    """The jobs of this instance, and the logs of all.

    `producers` are those that requests may name; the first one is the default.
    """

    def __init__(self, store: Store, producers: Mapping[str, Producer], options: JobOptions, chance: Chance) -> None:
        self._store = store
        self._producers = producers
        self._options = options
        self._chance = chance
        self._draining = False
        self._tails = Tails(
            store, clock=chance.clock, poll_interval=options.poll_interval, windows_bytes=options.windows_bytes
        )
        self._crew = Crew(store, self._tails, producers, options, chance)
        self._reaper = Reaper(store, self._crew.take_over, options, clock=chance.clock)
        pause = options.poll_interval.total_seconds()
        self._answers = Answers(store, self._tails, options, chance)
        conversations = self._crew.conversations
        self.writers = Writers(
            store, self._tails, conversations, self._answers, options, chance, lambda: self._reaper.calm
        )
        self._calls = Calls(store, stop=self._stop, take=self._crew.take_over, wake=self.writers.wake, pause=pause)
        self._patience = Patience(
            missing=options.lease_ttl.total_seconds(),
            outage=options.store_outage_limit.total_seconds(),
            pause=pause,
        )

    async def start(self, principal: Principal, request: job_service_pb2.StartGenerationRequest) -> job_pb2.Job:
        """Start a generation, or find the one that this request_id has started.

        Raises FieldInvalid, ProducerUnknown, ModelUnknown, ScopeMissing, RequestIdReused, ConversationBusy,
        InputAnswered, JobNotFound (the job was deleted, or the one that asked is gone), ServerDraining,
        StoreUnavailable.
        """
        requests.check_start(request, self._options.max_request_bytes)
        answers.check_form(request)
        if self._draining:
            raise ServerDraining("this instance takes no new jobs: it is about to stop", retry_after=DRAIN_RETRY)
        with self._crew.starting():
            return await self._start(principal, request)

    async def stream(self, principal: Principal, request: job_service_pb2.StreamJobRequest) -> AsyncIterator[bytes]:
        """Follow a job from the request's cursor to its end. Yields serialised StreamJobResponses.

        Raises JobNotFound, StoreUnavailable.
        """
        requests.check_stream(request)
        wanted = request.heartbeat_interval if request.HasField("heartbeat_interval") else None
        seconds = requests.heartbeat_seconds(wanted, self._options.heartbeat_interval)
        cursor = Cursor(request.epoch, request.after_offset)
        clock, patience = self._chance.clock, self._patience
        with self._tails.open(request.job_id) as tail:
            reader = Reader(tail, self._store, principal, cursor, clock=clock, patience=patience)
            with Pulse(seconds) as pulse:
                async for message in reader.stream(_CATCH_UP.get(request.catch_up, CatchUp.REPLAY), pulse):
                    yield message

    async def state(self, principal: Principal, job_id: str) -> state_pb2.JobState:
        """Return a job with all that it has said. Raises JobNotFound, StateTooLarge, StoreUnavailable."""
        await self._record(principal, job_id)
        state = await self._tails.state(job_id)
        size = state.ByteSize()
        if size > MAX_STATE_BYTES:
            text = f"the state has {size} bytes, more than one message carries ({MAX_STATE_BYTES})"
            raise StateTooLarge(text, {"job_id": job_id, "bytes": str(size), "limit": str(MAX_STATE_BYTES)})
        return state

    async def cancel(self, principal: Principal, job_id: str, reason: str) -> job_pb2.Job:
        """Ask a job to stop; one that has ended stays as it is. Raises JobNotFound, StoreUnavailable."""
        requests.check_reason(reason)
        await self._record(principal, job_id)
        return await self._crew.cancel(job_id, reason)

    async def list(
        self, principal: Principal, request: job_service_pb2.ListJobsRequest
    ) -> job_service_pb2.ListJobsResponse:
        """Return a page of the jobs that the caller may read, newest first. Raises FieldInvalid, StoreUnavailable."""
        requests.check_list(request)
        query = JobQuery(
            scope=self._scope(principal, request.owner, request.conversation_id),
            statuses=frozenset(request.statuses),
            page_size=request.page_size or requests.DEFAULT_PAGE,
            page_token=request.page_token,
        )
        page = await self._store.list(query)
        return job_service_pb2.ListJobsResponse(jobs=page.jobs, next_page_token=page.next_page_token)

    async def watch(
        self, principal: Principal, request: job_service_pb2.WatchJobsRequest
    ) -> AsyncGenerator[job_service_pb2.WatchJobsResponse, None]:
        """Follow the jobs that the caller may read; see `watcher.watch`. Raises FieldInvalid, StoreUnavailable."""
        requests.check_watch(request)
        wanted = request.heartbeat_interval if request.HasField("heartbeat_interval") else None
        messages = watcher.watch(
            self._store,
            self._scope(principal, request.owner, request.conversation_id),
            request.watch_token,
            poll_interval=self._options.poll_interval.total_seconds(),
            heartbeat_interval=requests.heartbeat_seconds(wanted, self._options.heartbeat_interval),
            outage_limit=self._options.store_outage_limit.total_seconds(),
        )
        async with aclosing(messages):
            async for message in messages:
                yield message

    async def delete(self, principal: Principal, job_id: str) -> None:
        """Delete a job with all that it said, also while it runs. Deleting it again is no error.

        Raises FieldInvalid, JobNotFound, StoreUnavailable.
        """
        with suppress(JobDeleted):
            await self._record(principal, job_id)
            await self._store.delete(job_id)
            self._crew.drop(job_id)

    async def run(self) -> None:
        """Take over abandoned jobs, and hear what writers are called for, for as long as this runs."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reaper.run())
            group.create_task(self._calls.run())

    async def drain(self, grace: timedelta) -> None:
        """Take no new jobs, let those that run here go on for `grace`, and give the rest away.

        What nobody could go on with, as in a store that ends with this process, ends with SERVER_STOPPED.
        """
        self._draining = True
        self.writers.drain()
        await self._crew.drain(grace)

    @property
    def running(self) -> int:
        """How many jobs are being written here."""
        return self._crew.running

    @property
    def store_answers(self) -> bool:
        """Whether the store answered when it was last asked for abandoned jobs."""
        return self._reaper.store_answers

    async def _start(self, principal: Principal, request: job_service_pb2.StartGenerationRequest) -> job_pb2.Job:
        owner = self._owner(principal, request.owner)
        request = await self._answers.completed(owner, request)
        job = self._described(principal, owner, request)
        content = request.SerializeToString(deterministic=True)
        first = first_batch(job, requests.messages_of(request), request.answers, self._chance)
        digest = hashlib.sha256(content).digest()
        exclusive = request.concurrency in EXCLUSIVE and job.conversation_id != ""
        if exclusive and not await self._exists(job.id):
            await self._crew.conversations.enter(job, request.concurrency)
        with answered_once(request):
            if isinstance(self._producers[job.producer], Worker):
                return (await self.writers.wait_for_claim(job, request, first, digest)).record.job
            await self._must_not_be_lost(job.id)
            asked = self._chance.clock()
            created = await self._store.create(job, content, first, digest=digest, ttl=self._options.lease_ttl)
        if created.lease is not None:
            self._crew.begin(Assignment(created.lease, asked, created.record, content, digest), first)
        return created.record.job

    async def _must_not_be_lost(self, job_id: str) -> None:
        """Let nobody begin a job anew that the store has lost and its writer here is about to put back."""
        if not self._crew.holds(job_id):
            return
        try:
            await self._store.get(job_id)
        except JobDeleted:
            raise
        except JobNotFound:
            raise StoreUnavailable("the store lost this job, and its writer is about to put it back") from None

    def _stop(self, job_id: str, reason: str) -> None:
        self._crew.stop(job_id, reason)
        self.writers.stop(job_id)

    async def _exists(self, job_id: str) -> bool:
        try:
            await self._store.get(job_id)
        except JobNotFound:
            return False
        return True

    def _scope(self, principal: Principal, owner: str, conversation_id: str) -> Scope:
        """Return what the caller may list of what it asks for: without another scope, its own jobs."""
        owner = owner or principal.subject
        if not principal.owns(owner) and READ_ALL not in principal.scopes:
            text = f"listing the jobs of somebody else needs the scope {READ_ALL}"
            raise ScopeMissing(text, {"scope": READ_ALL})
        return Scope(owner, conversation_id or None)

    async def _record(self, principal: Principal, job_id: str) -> JobRecord:
        requests.check_job_id(job_id)
        record = await self._store.get(job_id)
        if not principal.may_read(record.job.owner, job_id):
            raise JobNotFound.of(job_id)
        return record

    def _owner(self, principal: Principal, owner: str) -> str:
        """Return whose job a request asks for."""
        owner = owner or principal.subject
        if not principal.owns(owner) and ACT_FOR_OTHERS not in principal.scopes:
            text = f"starting a job for somebody else needs the scope {ACT_FOR_OTHERS}"
            raise ScopeMissing(text, {"scope": ACT_FOR_OTHERS})
        return owner

    def _described(
        self, principal: Principal, owner: str, request: job_service_pb2.StartGenerationRequest
    ) -> job_pb2.Job:
        """Return the job that a request asks for, before it is stored."""
        producer = self._producer(request.producer)
        model = request.model or producer.default_model
        if not model:
            text = f"producer {producer.name} has no default model: name one"
            raise ModelUnknown.of("model", text, producer=producer.name)
        producer.check(prepared(request.SerializeToString(), model))
        kept = requests.retention(request.retention if request.HasField("retention") else None, self._options.retention)
        job = job_pb2.Job(
            id=job_id_of(principal, owner, request, self._chance),
            status=job_pb2.JOB_STATUS_PENDING,
            owner=owner,
            conversation_id=request.conversation_id,
            producer=producer.name,
            model=model,
            labels=request.labels,
            previous_job_id=request.previous_job_id,
        )
        job.retention.FromTimedelta(kept)
        job.create_time.FromMilliseconds(self._chance.now_ms())
        return job

    def _producer(self, name: str) -> Producer:
        if not name and self._producers:
            return next(iter(self._producers.values()))
        if name not in self._producers:
            known = ", ".join(self._producers) or "none"
            raise ProducerUnknown.of("producer", f"{name!r} is not configured; known: {known}", known=known)
        return self._producers[name]
