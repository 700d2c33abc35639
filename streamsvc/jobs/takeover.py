"""What becomes of a job whose producer was lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamsvc.jobs import lifecycle
from streamsvc.producers.base import Producer
from streamsvc.store.base import Acquired
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2


@dataclass(frozen=True, slots=True)
class Plan:
    """How the new writer goes on: what it writes first, what its producer is told was said, or how the job ends."""

    opening: list[event_pb2.Event] = field(default_factory=list)
    so_far: state_pb2.JobState | None = None
    final: event_pb2.Event | None = None


def plan(acquired: Acquired, state: state_pb2.JobState, producer: Producer | None, max_attempts: int) -> Plan:
    """Decide by the job's recovery policy, and by how often it was lost already.

    A job that nobody has begun is begun, whatever its policy. A hand-over is free; a takeover after a lease that ran
    out counts, so that a job that kills its instances does not go round for ever.
    """
    job, lease = acquired.record.job, acquired.lease
    if lease.cancel_requested:
        return Plan(final=lifecycle.cancelled(lease.cancel_reason))
    if producer is None or acquired.record.losses >= max_attempts:
        return Plan(final=lifecycle.failed(lifecycle.lost(acquired.record.losses)))
    if state.job.status == job_pb2.JOB_STATUS_PENDING:
        return Plan([lifecycle.started(job.producer, job.model)])
    policy = _policy(acquired.request, producer)
    if policy == job_service_pb2.RECOVERY_POLICY_FAIL:
        return Plan(final=lifecycle.failed(lifecycle.lost(acquired.record.losses)))
    restarted = policy == job_service_pb2.RECOVERY_POLICY_RESTART
    reason = "HANDED_OVER" if acquired.handed_over else "LEASE_EXPIRED"
    opening = [lifecycle.resumed(state.job.attempt + 1, reason, restarted=restarted)]
    return Plan(opening, None if restarted else state)


def _policy(content: bytes, producer: Producer) -> int:
    """Return the policy of a stored request, with the default made plain."""
    wanted = job_service_pb2.StartGenerationRequest.FromString(content).recovery
    if wanted in (job_service_pb2.RECOVERY_POLICY_FAIL, job_service_pb2.RECOVERY_POLICY_RESTART):
        return wanted
    can = producer.can_continue
    return job_service_pb2.RECOVERY_POLICY_CONTINUE if can else job_service_pb2.RECOVERY_POLICY_FAIL
