"""What processes outside the service can do that write jobs: create, claim, renew, release, publish; without gRPC."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import timedelta

from streamsvc.errors import FieldInvalid, JobNotFound, LeaseLost, LogClosed, OffsetMismatch, ServerDraining
from streamsvc.jobs import requests, writer_requests
from streamsvc.jobs.answers import Answers, answered_once
from streamsvc.jobs.beginning import first_batch, job_id_of
from streamsvc.jobs.bells import Bells, heard
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.claims import Claims
from streamsvc.jobs.conversation import EXCLUSIVE, Conversations
from streamsvc.jobs.options import JobOptions
from streamsvc.jobs.origin import Origin
from streamsvc.jobs.scribe import Desks, Scribe
from streamsvc.jobs.tails import Tails
from streamsvc.log import Batch, Cursor
from streamsvc.principal import Principal
from streamsvc.store.base import Acquired, Claim, Created, JobRecord, Lease, LogLost, Store
from streamsvc.v1 import job_pb2, job_service_pb2
from streamsvc.v1 import producer_service_pb2 as pb

DRAIN_RETRY = timedelta(milliseconds=200)


class Writers:
    """The jobs that others write. Nothing of them is kept here that another instance could not find out by itself.

    Every call may be repeated at any instance. All of them raise StoreUnavailable, and ServerDraining once this
    instance is about to stop.
    """

    def __init__(
        self,
        store: Store,
        tails: Tails,
        conversations: Conversations,
        answers: Answers,
        options: JobOptions,
        chance: Chance,
        calm: Callable[[], bool],
    ) -> None:
        self._store = store
        self._tails = tails
        self._conversations = conversations
        self._answers = answers
        self._options = options
        self._chance = chance
        self._draining = False
        self._cancels, self._arrivals = Bells(), Bells()
        self._claims = Claims(store, conversations, options, chance, self._arrivals, calm)
        self._desks = Desks()

    async def wait_for_claim(
        self, job: job_pb2.Job, request: job_service_pb2.StartGenerationRequest, first: Batch, digest: bytes
    ) -> Created:
        """Create a job that StartGeneration asks for, and that waits for its producer. Raises as `Store.create`."""
        outside = writer_requests.outside_of(None, self._options)
        content = Origin(started=request).pack()
        return await self._store.create(job, content, first, digest=digest, ttl=timedelta(), outside=outside)

    async def create(self, principal: Principal, request: pb.CreateJobRequest) -> pb.CreateJobResponse:
        """Create a job for the caller to write, or fence whoever wrote the one that this request_id has made.

        A job that has ended comes without a lease. Raises FieldInvalid, RequestIdReused, ConversationBusy,
        InputAnswered, JobNotFound.
        """
        self._must_not_drain()
        writer_requests.check_create(request, self._options.max_request_bytes)
        owner = request.owner or principal.subject
        request = await self._answers.completed(owner, request)
        job = self._described(principal, owner, request)
        if request.concurrency in EXCLUSIVE and job.conversation_id and not await self._exists(job.id):
            await self._conversations.enter(job, request.concurrency)
        with answered_once(request):
            acquired = await self._created(job, request)
        if acquired is None:
            return pb.CreateJobResponse(job=(await self._store.get(job.id)).job)
        begun = await self._claims.begin(acquired, "RECLAIMED")
        response = pb.CreateJobResponse(job=(await self._store.get(job.id)).job)
        if begun is not None:
            response.lease.CopyFrom(writer_requests.lease_message(begun.lease))
        if acquired.record.job.last_offset > 1:
            response.state.CopyFrom(await self._tails.state(job.id))
        return response

    async def claim(self, request: pb.ClaimJobRequest, left: asyncio.Event) -> pb.ClaimJobResponse:
        """Take one job, or any of a producer. The answer is empty if none came in time.

        Nothing is taken for a caller that has `left`.

        Raises FieldInvalid, LeaseHeld, LogClosed, JobNotFound.
        """
        self._must_not_drain()
        writer_requests.check_claim(request)
        ttl, name = writer_requests.lease_ttl(request, self._options), request.request_id
        if request.job_id:
            record = await self._store.get(request.job_id)
            _check_producer(record, request)
            acquired: Acquired | None = await self._claims.of_job(record.job, name, ttl)
        else:
            wait = writer_requests.wait_seconds(request, writer_requests.MAX_WAIT)
            acquired = await self._claims.of_producer(request.producer, name, ttl, wait, left)
        if acquired is not None and left.is_set():
            await self._store.release(acquired.lease)
            acquired = None
        if acquired is None:
            self._must_not_drain()
            return pb.ClaimJobResponse()
        origin = Origin.unpack(acquired.request)
        return pb.ClaimJobResponse(
            state=await self._tails.state(acquired.lease.job_id),
            lease=writer_requests.lease_message(acquired.lease),
            request=origin.started,
            context_json=origin.context_json,
        )

    async def renew(self, request: pb.RenewLeaseRequest, left: asyncio.Event) -> pb.RenewLeaseResponse:
        """Keep a lease, and hold the answer back until somebody asks the job to stop, or the caller has `left`.

        Raises FieldInvalid, LeaseLost, LogClosed, OffsetMismatch (the store lost something), JobNotFound.
        """
        self._must_not_drain()
        requests.check_job_id(request.job_id)
        lease = writer_requests.lease_of(await self._store.get(request.job_id), request.fence)
        with self._cancels.listening(lease.job_id) as bell:
            renewed = await self._renew(lease, request.last_offset)
            # Not so long that the lease could run out meanwhile.
            wait = writer_requests.wait_seconds(request, lease.ttl / 2)
            if wait and not renewed.cancel_requested:
                await heard(bell, wait)
            if wait and not (renewed.cancel_requested or left.is_set()):
                renewed = await self._renew(lease, request.last_offset)
        return pb.RenewLeaseResponse(lease=writer_requests.lease_message(renewed))

    async def release(self, request: pb.ReleaseLeaseRequest) -> pb.ReleaseLeaseResponse:
        """Give a job away, so that another may claim it at once.

        Raises FieldInvalid, LeaseLost, LogClosed, JobNotFound.
        """
        self._must_not_drain()
        requests.check_job_id(request.job_id)
        lease = writer_requests.lease_of(await self._store.get(request.job_id), request.fence)
        try:
            await self._store.release(lease)
        except LogLost:
            raise await self._lost(lease) from None
        return pb.ReleaseLeaseResponse()

    async def publish(self, request: pb.PublishEventsRequest) -> pb.PublishEventsResponse:
        """Append events, all or none; the newest call may be repeated.

        Raises FieldInvalid, EventInvalid, OffsetMismatch, LeaseLost, LogClosed, JobNotFound.
        """
        self._must_not_drain()
        writer_requests.check_publish(request, self._options.max_event_bytes)
        cursor = Cursor(request.epoch, request.after_offset)
        async with self._desks.of(request.job_id) as desk:
            scribe = desk.scribe
            if scribe is None or scribe.cursor != cursor:
                scribe = desk.scribe = await self._scribe(request.job_id)
            fits = scribe.cursor == cursor
            batch, job = scribe.write(request.events) if fits else scribe.elsewhere(cursor, request.events)
            lease = Lease(request.job_id, request.epoch, request.fence, scribe.lease_ttl)
            try:
                renewed = await self._store.append(lease, batch, job=job)
            except LogLost:
                raise await self._lost(lease) from None
        if job is not None and job.HasField("complete_time"):
            self._desks.clear(request.job_id)
        return pb.PublishEventsResponse(last_offset=batch.last, lease=writer_requests.lease_message(renewed))

    def stop(self, job_id: str) -> None:
        """Let the writer of a job know that somebody asked it to stop."""
        self._cancels.ring(job_id)

    def wake(self, producer: str) -> None:
        """Let those who wait for jobs of a producer know that there is one."""
        self._arrivals.ring(producer)

    def drain(self) -> None:
        """Take no more calls, and end those that wait: other instances go on."""
        self._draining = self._claims.stopped = True
        self._cancels.ring_all()
        self._arrivals.ring_all()

    def _must_not_drain(self) -> None:
        if self._draining:
            raise ServerDraining("this instance is about to stop: another one goes on", retry_after=DRAIN_RETRY)

    async def _created(self, job: job_pb2.Job, request: pb.CreateJobRequest) -> Acquired | None:
        """Return the lease on the job of a request, None if that has ended."""
        asked = pb.CreateJobRequest()
        asked.CopyFrom(request)
        asked.ClearField("writer_id")
        content = Origin(created=asked).pack()
        outside = writer_requests.outside_of(request, self._options)
        created = await self._store.create(
            job,
            content,
            first_batch(job, request.input, request.answers, self._chance),
            digest=hashlib.sha256(content).digest(),
            ttl=outside.lease_ttl,
            outside=outside,
            claim=request.writer_id,
        )
        if created.lease is not None:
            return Acquired(created.lease, created.record, False, content, b"")
        try:
            claim = Claim(request.writer_id, seizes=True)
            return await self._store.acquire(job.id, outside.lease_ttl, claim=claim)
        except LogClosed:
            return None

    def _described(self, principal: Principal, owner: str, request: pb.CreateJobRequest) -> job_pb2.Job:
        kept = request.retention if request.HasField("retention") else None
        job = job_pb2.Job(
            id=job_id_of(principal, owner, request, self._chance),
            status=job_pb2.JOB_STATUS_PENDING,
            owner=owner,
            conversation_id=request.conversation_id,
            producer=request.producer,
            model=request.model,
            labels=request.labels,
            previous_job_id=request.previous_job_id,
        )
        job.retention.FromTimedelta(requests.retention(kept, self._options.retention))
        job.create_time.FromMilliseconds(self._chance.now_ms())
        return job

    async def _exists(self, job_id: str) -> bool:
        try:
            await self._store.get(job_id)
        except JobNotFound:
            return False
        return True

    async def _scribe(self, job_id: str) -> Scribe:
        outside = writer_requests.mark_of(await self._store.get(job_id))
        return Scribe(await self._tails.state(job_id), outside.lease_ttl, self._options, self._chance.now_ms)

    async def _renew(self, lease: Lease, last: int) -> Lease:
        try:
            return await self._store.renew(lease, last)
        except LogLost:
            raise await self._lost(lease) from None

    async def _lost(self, lease: Lease) -> Exception:
        """Return what a writer is told of a loss: from where to say it again, or that it is the writer no more."""
        record = await self._store.get(lease.job_id)
        last, job_id = str(record.job.last_offset), lease.job_id
        if (record.fence, record.job.epoch) != (lease.fence, lease.epoch):
            return LeaseLost(f"the store lost that job {job_id} was yours", {"job_id": job_id, "last_offset": last})
        text = f"the store lost a part of job {job_id}, its log ends at offset {last}: send again what follows"
        return OffsetMismatch(text, {"job_id": job_id, "last_offset": last})


def _check_producer(record: JobRecord, request: pb.ClaimJobRequest) -> None:
    """Let only those claim a job whose producer it is."""
    writer_requests.mark_of(record)
    if not record.job.producer:
        raise FieldInvalid.of("job_id", "its creator named no producer: nobody else may take it over")
    if request.producer and request.producer != record.job.producer:
        raise FieldInvalid.of("producer", f"is {request.producer!r}, and the job is for {record.job.producer!r}")
