"""How a framework's run fails, in words that hold nothing of what was said: exceptions may quote it."""

from __future__ import annotations

from streamsvc.adapters.saying import Saying
from streamsvc.v1 import content_pb2, event_pb2, job_pb2

_FAILED = content_pb2.RUN_STEP_STATUS_FAILED


def failed(saying: Saying, step: str, error: job_pb2.JobError) -> list[event_pb2.Event]:
    """Return what is left to say, the failure last. Open parts stay open: they were cut off."""
    events = saying.take()
    if step:
        ended = event_pb2.RunStepCompleted(step_id=step, status=_FAILED, error=error)
        events.append(event_pb2.Event(run_step_completed=ended))
    return [*events, event_pb2.Event(job_failed=event_pb2.JobFailed(error=error))]


def failure(reason: str, message: str, *, retryable: bool = False, **metadata: str) -> job_pb2.JobError:
    """Return a failure of this reason."""
    return job_pb2.JobError(reason=reason, message=message, retryable=retryable, metadata=metadata)


def of_status(status: int) -> job_pb2.JobError:
    """Return the failure of a model's API that answered with this HTTP status."""
    message = f"the model's API answered with status {status}"
    if status == 429:
        return failure("UPSTREAM_RATE_LIMITED", message, retryable=True, status=str(status))
    if status == 408:
        return failure("UPSTREAM_TIMEOUT", message, retryable=True, status=str(status))
    if status >= 500 or status == 409:
        return failure("UPSTREAM_UNAVAILABLE", message, retryable=True, status=str(status))
    return failure("UPSTREAM_REJECTED", message, status=str(status))
