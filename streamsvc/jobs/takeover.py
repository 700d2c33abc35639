"""What becomes of a job whose producer was lost, or has given it away."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamsvc.jobs import lifecycle
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
    that cannot be read shall come to its end too.
    """
    job, lease = acquired.record.job, acquired.lease
    if lease.cancel_requested:
        return Plan(final=lifecycle.cancelled(lease.cancel_reason))
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


def goes_on(request: job_service_pb2.StartGenerationRequest, producer: Producer | None) -> bool:
    """Tell whether a job that was begun may go on with another producer of this kind: anew, or where it was."""
    if producer is None or request.recovery == job_service_pb2.RECOVERY_POLICY_FAIL:
        return False
    return producer.continues(request) or request.recovery == job_service_pb2.RECOVERY_POLICY_RESTART
