"""The events of a job's own life: created, started, resumed, and the three ways to end."""

from __future__ import annotations

from collections.abc import Sequence

from streamsvc.producers.base import Finished, UpstreamError
from streamsvc.v1 import content_pb2, event_pb2, job_pb2

KINDS = frozenset({"job_created", "job_started", "job_resumed", "job_completed", "job_failed", "job_cancelled"})
"""Payloads that no producer inside the service may yield: they are the runner's."""

JOB_KINDS = KINDS | {"metadata_updated"}
"""Payloads that change the Job that lists show."""


def created(
    job: job_pb2.Job, messages: Sequence[content_pb2.ChatMessage], answers: Sequence[content_pb2.InputAnswer] = ()
) -> event_pb2.Event:
    """Return the first event of a job that answers `messages`, or goes on with `answers` of people."""
    event = event_pb2.Event(job_created=event_pb2.JobCreated(job=job, input=messages, answers=answers))
    event.create_time.CopyFrom(job.create_time)
    return event


def started(producer: str, model: str) -> event_pb2.Event:
    """Return the event of a producer that took the job first."""
    return event_pb2.Event(job_started=event_pb2.JobStarted(producer=producer, model=model))


def resumed(attempt: int, reason: str, *, restarted: bool) -> event_pb2.Event:
    """Return the event of a producer that took the job from another."""
    taken = event_pb2.JobResumed(attempt=attempt, restarted=restarted, reason=reason)
    return event_pb2.Event(job_resumed=taken)


def completed(finished: Finished) -> event_pb2.Event:
    """Return the final event of a generation that came to its end."""
    end = event_pb2.JobCompleted(finish_reason=finished.reason, upstream_finish_reason=finished.upstream_reason)
    return event_pb2.Event(job_completed=end)


def failed(error: job_pb2.JobError) -> event_pb2.Event:
    """Return the final event of a job that failed."""
    return event_pb2.Event(job_failed=event_pb2.JobFailed(error=error))


def cancelled(reason: str) -> event_pb2.Event:
    """Return the final event of a job that somebody stopped."""
    return event_pb2.Event(job_cancelled=event_pb2.JobCancelled(reason=reason))


def upstream_failure(error: UpstreamError) -> job_pb2.JobError:
    """Return what a job says of an upstream that failed."""
    return job_pb2.JobError(
        reason=error.reason, message=error.message, retryable=error.retryable, metadata=dict(error.metadata)
    )


def limit_exceeded(name: str, limit: int) -> job_pb2.JobError:
    """Return what a job says of an answer that grew over a limit."""
    message = f"the answer is larger than {name} allows ({limit} bytes)"
    return job_pb2.JobError(reason="LIMIT_EXCEEDED", message=message, metadata={"limit": name, "bytes": str(limit)})


def internal_failure(incident: str) -> job_pb2.JobError:
    """Return what a job says of a bug: an incident id that stands in the service's log, and nothing else."""
    message = f"the producer failed unexpectedly; the service's log says more under incident {incident}"
    return job_pb2.JobError(reason="INTERNAL", message=message, retryable=True, metadata={"incident": incident})


def stopped() -> job_pb2.JobError:
    """Return what a job says of a service that had to stop before the answer was complete."""
    return job_pb2.JobError(
        reason="SERVER_STOPPED", message="the service stopped before the answer was complete", retryable=True
    )


def lost(attempts: int) -> job_pb2.JobError:
    """Return what a job says of a producer that is gone and that nobody may follow."""
    message = f"the producer was lost, and after {attempts} of them the job is not given to another"
    return job_pb2.JobError(
        reason="PRODUCER_LOST", message=message, retryable=True, metadata={"attempt": str(attempts)}
    )


def unclaimed(seconds: float) -> job_pb2.JobError:
    """Return what a job says whose writer outside the service is gone, or never came."""
    message = f"no producer wrote the job, and none claimed it within {seconds:g} s"
    metadata = {"seconds": f"{seconds:g}"}
    return job_pb2.JobError(reason="PRODUCER_LOST", message=message, retryable=True, metadata=metadata)


def unreadable() -> job_pb2.JobError:
    """Return what a job says that was to go on, and whose log cannot be read."""
    message = "what is stored of the job is corrupt: it cannot go on"
    return job_pb2.JobError(reason="INTERNAL", message=message, retryable=True)


def conversation_busy(seconds: float) -> job_pb2.JobError:
    """Return what a job says of a conversation that did not become free."""
    message = f"another job of the conversation did not end within {seconds:g} s"
    metadata = {"seconds": f"{seconds:g}"}
    return job_pb2.JobError(reason="CONVERSATION_BUSY", message=message, retryable=True, metadata=metadata)
