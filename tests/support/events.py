"""Short words for events and requests in tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from streamsvc import codec
from streamsvc.producers import parts
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, job_service_pb2, state_pb2

Event = event_pb2.Event

FINAL = ("job_completed", "job_failed", "job_cancelled")


def text(words: str, part: int = 0) -> Event:
    """Return the event that appends `words` to a text part."""
    return parts.text_delta(part, words)


def part_started(index: int = 0) -> Event:
    """Return the event that opens a text part."""
    return parts.Parts(index).start_text()[1]


def usage(tokens: int) -> Event:
    """Return the event that counts tokens."""
    entry = content_pb2.UsageEntry(model="m", usage=content_pb2.Usage(output_tokens=tokens))
    return Event(usage_updated=event_pb2.UsageUpdated(entry=entry))


def title(words: str) -> Event:
    """Return the event that names the job."""
    return Event(metadata_updated=event_pb2.MetadataUpdated(metadata={"title": words}))


def kind(event: Event) -> str:
    """Return what an event tells of."""
    return event.WhichOneof("payload") or ""


def kinds(events: Iterable[Event]) -> list[str]:
    """Return what each event tells of."""
    return [kind(event) for event in events]


def text_of(events: Iterable[Event]) -> str:
    """Return all text that events append."""
    return "".join(event.text_delta.text for event in events)


def answer(state: state_pb2.JobState) -> str:
    """Return all text of a state."""
    return "".join(part.text.text for part in state.parts)


def decoded(messages: Iterable[bytes]) -> Sequence[job_service_pb2.StreamJobResponse]:
    """Return the responses that a reader yielded as bytes."""
    return [job_service_pb2.StreamJobResponse.FromString(message) for message in messages]


def events_of(frames: Iterable[bytes]) -> list[Event]:
    """Return the events in frames."""
    return [event for joined in frames for event in codec.decode(joined)]


def scripted(**script: object) -> job_service_pb2.StartGenerationRequest:
    """Return a request that tells the scripted producer what to do."""
    request = job_service_pb2.StartGenerationRequest(prompt="why?", producer="scripted")
    request.parameters.extra_json = json.dumps(script)
    return request


def pending_job(job_id: str = "0" * 32, *, epoch: str = "e1", last: int = 1) -> job_pb2.Job:
    """Return a job that was just created."""
    job = job_pb2.Job(id=job_id, status=job_pb2.JOB_STATUS_PENDING, owner="anonymous", epoch=epoch, last_offset=last)
    job.producer, job.model = "told", "m"
    job.retention.seconds = 3600
    job.create_time.seconds = job.update_time.seconds = 1_790_000_000
    return job
