"""What becomes of a job whose producer was lost, or has given it away."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamsvc.jobs import lifecycle
from streamsvc.jobs.origin import Origin
from streamsvc.producers.base import Producer
from streamsvc.store.base import Acquired
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2


@dataclass(frozen=True, slots=True)
class Plan:
    """How the new writer goes on: what it writes first, whether its producer is told what was said, or how it ends."""

    opening: list[event_pb2.Event] = field(default_factory=list)
    continues: bool = False
    final: event_pb2.Event | None = None


def plan(acquired: Acquired, producer: Producer | None, max_attempts: int) -> Plan:
    """Decide by the job's recovery policy, and by how often it was lost already.

    A job that nobody has begun is begun, whatever its policy. A hand-over is free; a takeover after a lease that ran
    out counts, so that a job that kills its instances does not go round for ever. Nothing of the log is looked at: one
    that cannot be read shall come to its end too. A job of processes outside the service is acquired only to be ended.
    """
    job, lease = acquired.record.job, acquired.lease
    if lease.cancel_requested:
        return Plan(final=lifecycle.cancelled(lease.cancel_reason))
    if acquired.record.outside is not None:
        grace = acquired.record.outside.claim_grace.total_seconds()
        return Plan(final=lifecycle.failed(lifecycle.unclaimed(grace)))
    if producer is None or acquired.record.losses >= max_attempts:
        return Plan(final=lifecycle.failed(lifecycle.lost(acquired.record.losses)))
    if job.status == job_pb2.JOB_STATUS_PENDING:
        return Plan([lifecycle.started(job.producer, job.model)])
    request = job_service_pb2.StartGenerationRequest.FromString(acquired.request)
    if not goes_on(request, producer):
        return Plan(final=lifecycle.failed(lifecycle.lost(acquired.record.losses)))
    restarted = request.recovery == job_service_pb2.RECOVERY_POLICY_RESTART
    reason = "HANDED_OVER" if acquired.handed_over else "LEASE_EXPIRED"
    return Plan([lifecycle.resumed(job.attempt + 1, reason, restarted=restarted)], continues=not restarted)


def claimed(acquired: Acquired, origin: Origin, reason: str, max_attempts: int | None) -> Plan:
    """Decide what becomes of a job that a process outside the service has claimed.

    Nothing is written for a claim that is repeated: what it began with stands in the log already. `max_attempts` is
    None for who names the job, and knows what it does. `reason` is why it changed hands, empty for what the lease says.
    """
    job, lease, losses = acquired.record.job, acquired.lease, acquired.record.losses
    if lease.cancel_requested:
        return Plan(final=lifecycle.cancelled(lease.cancel_reason))
    if job.status == job_pb2.JOB_STATUS_PENDING:
        return Plan([lifecycle.started(job.producer, job.model)])
    before = acquired.record.chain[-1].last if acquired.record.chain else 0
    if job.last_offset > before:
        return Plan()
    too_often = max_attempts is not None and losses >= max_attempts
    if too_often or origin.recovery == job_service_pb2.RECOVERY_POLICY_FAIL:
        return Plan(final=lifecycle.failed(lifecycle.lost(losses)))
    restarted = origin.recovery == job_service_pb2.RECOVERY_POLICY_RESTART
    reason = reason or ("HANDED_OVER" if acquired.handed_over else "LEASE_EXPIRED")
    return Plan([lifecycle.resumed(job.attempt + 1, reason, restarted=restarted)])


def goes_on(request: job_service_pb2.StartGenerationRequest, producer: Producer | None) -> bool:
    """Tell whether a job that was begun may go on with another producer of this kind: anew, or where it was."""
    if producer is None or request.recovery == job_service_pb2.RECOVERY_POLICY_FAIL:
        return False
    return producer.continues(request) or request.recovery == job_service_pb2.RECOVERY_POLICY_RESTART
