"""How an AG-UI run ends: with success, with questions to people, cancelled, or with an error."""

from __future__ import annotations

from ag_ui import core

from streamsvc.adapters.ag_ui import messages as as_messages
from streamsvc.v1 import job_pb2, state_pb2


def final_event(state: state_pb2.JobState, thread_id: str, run_id: str) -> core.BaseEvent:
    """Return the last event of a run whose job has ended."""
    job, usage = state.job, as_messages.usage_of(state)
    if job.status == job_pb2.JOB_STATUS_FAILED:
        return core.RunErrorEvent(
            message=job.error.message or job.error.reason,
            code=job.error.reason,
            usage=usage,
            metadata=as_messages.ours(job_pb2.Job(error=job.error)),
        )
    return core.RunFinishedEvent(
        thread_id=thread_id,
        run_id=run_id,
        outcome=_outcome(state),
        usage=usage,
        metadata=as_messages.ours(job_pb2.Job(finish_reason=job.finish_reason)),
    )


def _outcome(state: state_pb2.JobState) -> core.RunFinishedOutcome:
    if state.job.status == job_pb2.JOB_STATUS_CANCELLED:
        return core.RunFinishedCancelledOutcome()
    if interrupts := as_messages.interrupts_of(state):
        return core.RunFinishedInterruptOutcome(interrupts=interrupts)
    calls = [part for part in state.parts if part.HasField("tool_call") and not as_messages.is_answered(part)]
    pending = [as_messages.call_id(state.job.id, part) for part in calls]
    # Named where the caller is to run them; elsewhere a call without a result was cut off.
    named = state.job.finish_reason == job_pb2.FINISH_REASON_TOOL_CALLS and pending
    return core.RunFinishedSuccessOutcome(pending_tool_call_ids=pending if named else None)
