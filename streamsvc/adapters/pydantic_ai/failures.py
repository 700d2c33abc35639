"""What Pydantic AI raises, as ends of a job."""

from __future__ import annotations

from pydantic_ai.exceptions import (
    ContentFilterError,
    FallbackExceptionGroup,
    ModelAPIError,
    ModelHTTPError,
    ModelRequestTimeout,
    ModelTimeoutError,
    OutputTokenLimitExceeded,
    RunTimedOut,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)

from streamsvc.adapters.failing import failure, of_status
from streamsvc.v1 import job_pb2


def ending_of(error: Exception) -> job_pb2.FinishReason.ValueType | None:
    """Return why the answer is over if that is no failure."""
    if isinstance(error, ContentFilterError):
        return job_pb2.FINISH_REASON_CONTENT_FILTER
    if isinstance(error, OutputTokenLimitExceeded):
        return job_pb2.FINISH_REASON_LENGTH
    return None


def failure_of(error: Exception) -> job_pb2.JobError | None:
    """Return why the job fails; None for what is a mistake of the program."""
    match error:
        case UsageLimitExceeded():
            return failure("LIMIT_EXCEEDED", "the run used more than its limits allow", limit="usage_limits")
        case RunTimedOut():
            return failure("LIMIT_EXCEEDED", "the run took longer than it may", limit="timeout")
        case ModelTimeoutError() | ModelRequestTimeout():
            return failure("UPSTREAM_TIMEOUT", "the model did not answer in time", retryable=True)
        case ModelHTTPError():
            return of_status(error.status_code)
        case ModelAPIError() | FallbackExceptionGroup():
            return failure("UPSTREAM_UNAVAILABLE", "the model's API cannot be reached", retryable=True)
        case UnexpectedModelBehavior():
            return failure("UPSTREAM_INVALID", "the model did not say what the agent can use, however often asked")
    return None
