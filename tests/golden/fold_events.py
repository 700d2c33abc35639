"""Events in few words, for the cases of the fold."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from streamsvc.v1 import content_pb2, event_pb2, job_pb2

Event = event_pb2.Event


def at(second: int, event: Event) -> Event:
    """Return `event` with a time."""
    event.create_time.CopyFrom(Timestamp(seconds=1_790_000_000 + second, nanos=500_000_000))
    return event


def created(producer: str = "", model: str = "") -> Event:
    """Return the event that every log begins with."""
    began = job_pb2.Job(id="j", status=job_pb2.JOB_STATUS_PENDING, owner="ada", labels={"app": "chat"})
    began.producer, began.model = producer, model
    began.retention.CopyFrom(Duration(seconds=3600, nanos=250_000_000))
    began.create_time.CopyFrom(Timestamp(seconds=1_790_000_000, nanos=500_000_000))
    return at(0, Event(job_created=event_pb2.JobCreated(job=began)))


def started(part: content_pb2.ContentPart) -> Event:
    """Return the event that opens `part`."""
    return Event(part_started=event_pb2.PartStarted(part=part))


def text(said: str = "") -> Event:
    """Return the event that opens a text part."""
    return started(content_pb2.ContentPart(text=content_pb2.TextPart(text=said)))


def reasoning(said: str = "") -> Event:
    """Return the event that opens a reasoning part."""
    return started(content_pb2.ContentPart(reasoning=content_pb2.ReasoningPart(text=said)))


def tool_call() -> Event:
    """Return the event that opens a tool call whose arguments are yet to be written."""
    status = content_pb2.TOOL_CALL_STATUS_WRITING
    call = content_pb2.ToolCallPart(call_id="call-1", name="weather", status=status)
    return started(content_pb2.ContentPart(tool_call=call))


def replaced(part: content_pb2.ContentPart) -> Event:
    """Return the event that puts `part` in the place of the part with its index."""
    return Event(part_replaced=event_pb2.PartReplaced(part=part))


def step_begun(step: content_pb2.RunStep) -> Event:
    """Return the event that begins a run step."""
    return Event(run_step_created=event_pb2.RunStepCreated(step=step))


def step_changed(step: content_pb2.RunStep) -> Event:
    """Return the event that changes a run step."""
    return Event(run_step_updated=event_pb2.RunStepUpdated(step=step))


def step_done(step_id: str, status: content_pb2.RunStepStatus.ValueType, reason: str = "") -> Event:
    """Return the event that ends a run step."""
    done = event_pb2.RunStepCompleted(step_id=step_id, status=status)
    if reason:
        done.error.reason = reason
    return Event(run_step_completed=done)


def used(step_id: str, attempt: int, tokens: int, **details: int) -> Event:
    """Return the event that counts tokens."""
    usage = content_pb2.Usage(input_tokens=tokens, output_tokens=1, details=details)
    entry = content_pb2.UsageEntry(step_id=step_id, model="m", attempt=attempt, usage=usage)
    return Event(usage_updated=event_pb2.UsageUpdated(entry=entry))


def custom(name: str, key: str, json: str) -> Event:
    """Return a producer's own event."""
    return Event(custom=event_pb2.CustomEvent(name=name, key=key, json=json))


def facts(**metadata: str) -> Event:
    """Return the event that sets or removes facts about the job."""
    return Event(metadata_updated=event_pb2.MetadataUpdated(metadata=metadata))


def failure(reason: str) -> Event:
    """Return the event of an error that did not end the job."""
    return Event(error_reported=event_pb2.ErrorReported(error=job_pb2.JobError(reason=reason)))


def question(request_id: str) -> Event:
    """Return the event that asks people something."""
    asked = content_pb2.InputRequest(id=request_id, type="question", message="Which?", part_index=0)
    return Event(input_requested=event_pb2.InputRequested(input_request=asked))


def resumed(attempt: int, *, restarted: bool) -> Event:
    """Return the event of a takeover."""
    body = event_pb2.JobResumed(attempt=attempt, restarted=restarted, reason="LEASE_EXPIRED")
    return at(50, Event(job_resumed=body))
