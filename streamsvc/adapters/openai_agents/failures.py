"""What the OpenAI Agents SDK raises, as ends of a job."""

from __future__ import annotations

from agents import (
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    ModelBehaviorError,
    ModelRefusalError,
    OutputGuardrailTripwireTriggered,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
)
from agents.exceptions import ModelTimeoutError, ToolTimeoutError
from openai import APIConnectionError, APIStatusError, APITimeoutError, LengthFinishReasonError

from streamsvc.adapters.failing import failure, of_status
from streamsvc.v1 import job_pb2


def ending_of(error: Exception, cut_off: str) -> job_pb2.FinishReason.ValueType | None:
    """Return why the answer is over if that is no failure. `cut_off` is why the model said that it stopped early."""
    if isinstance(error, ModelRefusalError):
        return job_pb2.FINISH_REASON_REFUSAL
    if isinstance(error, ModelBehaviorError) and cut_off == "content_filter":
        return job_pb2.FINISH_REASON_CONTENT_FILTER
    if isinstance(error, LengthFinishReasonError) or (
        isinstance(error, ModelBehaviorError) and cut_off == "max_output_tokens"
    ):
        return job_pb2.FINISH_REASON_LENGTH
    return None


def failure_of(error: Exception) -> job_pb2.JobError | None:
    """Return why the job fails; None for what is a mistake of the program."""
    match error:
        case MaxTurnsExceeded():
            return failure("LIMIT_EXCEEDED", "the run took more turns than it may", limit="max_turns")
        case InputGuardrailTripwireTriggered() | OutputGuardrailTripwireTriggered():
            return _tripped(error.guardrail_result.guardrail.get_name())
        case ToolInputGuardrailTripwireTriggered() | ToolOutputGuardrailTripwireTriggered():
            return _tripped(error.guardrail.get_name())
        case ModelTimeoutError() | APITimeoutError():
            return failure("UPSTREAM_TIMEOUT", "the model did not answer in time", retryable=True)
        case ToolTimeoutError():
            return failure("TOOL_TIMEOUT", f"the tool {error.tool_name} took too long", tool=error.tool_name)
        case ModelBehaviorError():
            return failure("UPSTREAM_INVALID", "the model said something that the SDK cannot use")
        case APIStatusError():
            return of_status(error.status_code)
        case APIConnectionError():
            return failure("UPSTREAM_UNAVAILABLE", "the model's API cannot be reached", retryable=True)
    return None


def _tripped(guardrail: str) -> job_pb2.JobError:
    return failure("GUARDRAIL_TRIPPED", f"the guardrail {guardrail} stopped the run", guardrail=guardrail)
