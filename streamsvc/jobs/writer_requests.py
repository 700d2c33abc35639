"""What processes outside the service may ask: every bound on a request of theirs, and the leases that they get."""

from __future__ import annotations

from datetime import timedelta

from google.protobuf import duration_pb2

from streamsvc.errors import EventInvalid, FieldInvalid, LeaseLost
from streamsvc.jobs import answers, requests
from streamsvc.jobs.options import JobOptions
from streamsvc.json_text import json_object
from streamsvc.store.base import JobRecord, Lease, Outside
from streamsvc.v1 import job_service_pb2
from streamsvc.v1 import producer_service_pb2 as pb

MIN_LEASE, MAX_LEASE = timedelta(seconds=1), timedelta(minutes=10)
MAX_GRACE = timedelta(days=1)
MAX_WAIT = timedelta(minutes=1)
"""How long a ClaimJob may be held back, as seen by whoever has to stop in good order."""


def check_create(request: pb.CreateJobRequest, max_bytes: int) -> None:
    """Check a CreateJobRequest. Raises FieldInvalid."""
    size = request.ByteSize()
    if size > max_bytes:
        text = f"the request has {size} bytes, more than max_request_bytes={max_bytes}: send less"
        raise FieldInvalid.of("request", text, bytes=str(size), limit=str(max_bytes))
    for field in ("request_id", "writer_id", "producer", "conversation_id", "owner"):
        requests.at_most(field, getattr(request, field), requests.MAX_ID)
    requests.at_most("model", request.model, requests.MAX_MODEL)
    requests.check_messages("input", request.input)
    requests.check_labels(request.labels)
    requests.known("concurrency", request.concurrency, job_service_pb2.ConcurrencyPolicy)
    json_object("context_json", request.context_json)
    if request.previous_job_id:
        requests.check_job_id(request.previous_job_id, "previous_job_id")
    answers.check_form(request)


def check_claim(request: pb.ClaimJobRequest) -> None:
    """Check a ClaimJobRequest. Raises FieldInvalid."""
    requests.at_most("request_id", request.request_id, requests.MAX_ID)
    requests.at_most("producer", request.producer, requests.MAX_ID)
    if request.job_id:
        requests.check_job_id(request.job_id)
    elif not request.producer:
        raise FieldInvalid.of("producer", "is empty: name the producer that you are, or a job_id")


def check_publish(request: pb.PublishEventsRequest, max_event_bytes: int) -> None:
    """Check a PublishEventsRequest but for its events. Raises FieldInvalid."""
    requests.check_job_id(request.job_id)
    requests.at_most("epoch", request.epoch, requests.MAX_ID)
    if request.after_offset < 0:
        raise FieldInvalid.of("after_offset", f"is {request.after_offset}, must be 0 or more")
    if not request.events:
        raise EventInvalid.of("events", "is empty: send at least one")
    size = request.ByteSize()
    if size > 2 * max_event_bytes and len(request.events) > 1:
        text = f"have {size} bytes together, at most {2 * max_event_bytes} are taken at once: send fewer"
        raise EventInvalid.of("events", text, bytes=str(size), limit=str(2 * max_event_bytes))


def lease_of(record: JobRecord, fence: int) -> Lease:
    """Return the lease that a caller names by its fence alone. Raises FieldInvalid, LeaseLost."""
    outside = mark_of(record)
    if record.fence != fence:
        last = str(record.job.last_offset)
        raise LeaseLost(f"job {record.job.id} has changed hands", {"job_id": record.job.id, "last_offset": last})
    return Lease(record.job.id, record.job.epoch, fence, outside.lease_ttl)


def mark_of(record: JobRecord) -> Outside:
    """Return the mark of a job of processes outside the service. Raises FieldInvalid for any other job."""
    if record.outside is None:
        raise FieldInvalid.of("job_id", f"job {record.job.id} is written by the service itself")
    return record.outside


def outside_of(request: pb.CreateJobRequest | None, options: JobOptions) -> Outside:
    """Return the mark of a new job: what its creator wants, within bounds. None created it but StartGeneration."""
    grace, ttl = options.claim_grace, options.lease_ttl
    if request is not None and request.HasField("claim_grace"):
        grace = _within(request.claim_grace, timedelta(), MAX_GRACE)
    if request is not None:
        ttl = lease_ttl(request, options)
    return Outside(grace, options.cancel_grace, ttl)


def lease_ttl(request: pb.CreateJobRequest | pb.ClaimJobRequest, options: JobOptions) -> timedelta:
    """Return how long a lease lasts: what the caller wants, within bounds; else as those of the service's own."""
    if not request.HasField("lease_duration"):
        return options.lease_ttl
    return _within(request.lease_duration, MIN_LEASE, MAX_LEASE)


def wait_seconds(request: pb.ClaimJobRequest | pb.RenewLeaseRequest, most: timedelta) -> float:
    """Return how long an answer may be held back, in seconds."""
    return _within(request.wait, timedelta(), most).total_seconds()


def lease_message(lease: Lease) -> pb.Lease:
    """Return a lease as its holder is told of it."""
    message = pb.Lease(
        fence=lease.fence,
        epoch=lease.epoch,
        cancel_requested=lease.cancel_requested,
        cancel_reason=lease.cancel_reason,
    )
    message.remaining.FromTimedelta(lease.ttl)
    return message


def _within(wanted: duration_pb2.Duration, low: timedelta, high: timedelta) -> timedelta:
    return min(max(requests.timedelta_of(wanted), low), high)
