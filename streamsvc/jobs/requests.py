"""What a caller may ask: every bound on a request, and the request as a producer wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from google.protobuf import duration_pb2

from streamsvc.errors import FieldInvalid
from streamsvc.ids import is_job_id
from streamsvc.jobs.options import MAX_HEARTBEAT, MAX_RETENTION, MIN_HEARTBEAT
from streamsvc.json_text import json_object
from streamsvc.v1 import content_pb2, job_pb2, job_service_pb2

MAX_ID = 128
MAX_MODEL = 256
MAX_MESSAGES = 1000
MAX_LABELS = 32
MAX_LABEL_KEY = 64
MAX_LABEL_VALUE = 256
MAX_TOOLS = 128
MAX_STOPS = 16
MAX_REASON = 500
DEFAULT_PAGE = 50
MAX_PAGE = 1000
MAX_INLINE_BYTES = 64 * 1024
"""How large the data of a file may be to be shown to readers with the job's input."""

_ROLES = (content_pb2.ROLE_SYSTEM, content_pb2.ROLE_USER, content_pb2.ROLE_ASSISTANT)


def check_start(request: job_service_pb2.StartGenerationRequest, max_bytes: int) -> None:
    """Check a StartGenerationRequest but for what its producer must judge. Raises FieldInvalid."""
    size = request.ByteSize()
    if size > max_bytes:
        text = f"the request has {size} bytes, more than max_request_bytes={max_bytes}: send less, or give files by url"
        raise FieldInvalid.of("request", text, bytes=str(size), limit=str(max_bytes))
    at_most("request_id", request.request_id, MAX_ID)
    at_most("producer", request.producer, MAX_ID)
    at_most("model", request.model, MAX_MODEL)
    at_most("conversation_id", request.conversation_id, MAX_ID)
    _check_conversation(request)
    check_labels(request.labels)
    _check_tools(request.tools)
    _check_parameters(request.parameters)
    _check_policies(request)
    if request.previous_job_id:
        check_job_id(request.previous_job_id, "previous_job_id")


def check_job_id(job_id: str, field: str = "job_id") -> None:
    """Raise FieldInvalid unless `job_id` has the form of a job id."""
    if not is_job_id(job_id):
        raise FieldInvalid.of(field, "must be 32 characters of 0-9 and a-f, as StartGeneration returned it")


def check_stream(request: job_service_pb2.StreamJobRequest) -> None:
    """Check a StreamJobRequest. Raises FieldInvalid."""
    check_job_id(request.job_id)
    if request.after_offset < 0:
        text = f"is {request.after_offset}, must be 0 or more: the offset of the last event you have, 0 for none"
        raise FieldInvalid.of("after_offset", text, value=str(request.after_offset))
    at_most("epoch", request.epoch, MAX_ID)
    known("catch_up", request.catch_up, job_service_pb2.CatchUpMode)


def check_list(request: job_service_pb2.ListJobsRequest) -> None:
    """Check a ListJobsRequest but for its token. Raises FieldInvalid."""
    if not 0 <= request.page_size <= MAX_PAGE:
        text = f"is {request.page_size}, must be 0 to {MAX_PAGE}; 0 is {DEFAULT_PAGE}"
        raise FieldInvalid.of("page_size", text, value=str(request.page_size), limit=str(MAX_PAGE))
    at_most("page_token", request.page_token, MAX_ID)
    at_most("conversation_id", request.conversation_id, MAX_ID)
    for i, status in enumerate(request.statuses):
        known(f"statuses[{i}]", status, job_pb2.JobStatus)


def check_watch(request: job_service_pb2.WatchJobsRequest) -> None:
    """Check a WatchJobsRequest. Its token is never wrong: one that cannot be served resets the caller."""
    at_most("conversation_id", request.conversation_id, MAX_ID)
    at_most("watch_token", request.watch_token, MAX_ID)


def check_reason(reason: str) -> None:
    """Raise FieldInvalid for a reason to cancel that is too long."""
    at_most("reason", reason, MAX_REASON)


def heartbeat_seconds(wanted: duration_pb2.Duration | None, default: timedelta) -> float:
    """Return the longest silence of a stream: what the caller wants, within bounds."""
    interval = default if wanted is None else timedelta_of(wanted)
    return min(max(interval, MIN_HEARTBEAT), MAX_HEARTBEAT).total_seconds()


def retention(wanted: duration_pb2.Duration | None, default: timedelta) -> timedelta:
    """Return how long a job is kept after its end: what the caller wants, within bounds."""
    kept = default if wanted is None else timedelta_of(wanted)
    return min(max(kept, timedelta()), MAX_RETENTION)


def messages_of(request: job_service_pb2.StartGenerationRequest) -> Sequence[content_pb2.ChatMessage]:
    """Return the conversation that a request gives, as `messages` or as `prompt`."""
    if not request.prompt:
        return request.messages
    part = content_pb2.ContentPart(text=content_pb2.TextPart(text=request.prompt))
    return [content_pb2.ChatMessage(role=content_pb2.ROLE_USER, parts=[part])]


def input_of(messages: Sequence[content_pb2.ChatMessage]) -> list[content_pb2.ChatMessage]:
    """Return what readers are shown of `messages`: those after the model's last one, without instructions.

    Large inline data is left out.
    """
    answered = max(
        (i for i, message in enumerate(messages, 1) if message.role == content_pb2.ROLE_ASSISTANT), default=0
    )
    shown = []
    for message in messages[answered:]:
        if message.role != content_pb2.ROLE_SYSTEM:
            copy = content_pb2.ChatMessage()
            copy.CopyFrom(message)
            for part in copy.parts:
                if len(part.file.data) > MAX_INLINE_BYTES:
                    part.file.ClearField("data")
            shown.append(copy)
    return shown


def _check_conversation(request: job_service_pb2.StartGenerationRequest) -> None:
    if request.prompt and request.messages:
        raise FieldInvalid.of("prompt", "give either prompt or messages, not both")
    if not (request.prompt or request.messages or request.answers):
        raise FieldInvalid.of("messages", "is empty: give messages, or a prompt")
    check_messages("messages", request.messages)


def check_messages(field: str, messages: Sequence[content_pb2.ChatMessage]) -> None:
    """Check what `field` gives of a conversation. Raises FieldInvalid."""
    few(field, len(messages), MAX_MESSAGES)
    for i, message in enumerate(messages):
        if message.role not in _ROLES:
            raise FieldInvalid.of(f"{field}[{i}].role", "must be ROLE_SYSTEM, ROLE_USER or ROLE_ASSISTANT")
        if not message.parts:
            raise FieldInvalid.of(f"{field}[{i}].parts", "is empty: give at least one part, such as a text")
        for j, part in enumerate(message.parts):
            if part.WhichOneof("kind") is None:
                text = "has no kind that is known here: set text, or another"
                raise FieldInvalid.of(f"{field}[{i}].parts[{j}]", text)


def check_labels(labels: Mapping[str, str]) -> None:
    """Check the labels of a job. Raises FieldInvalid."""
    few("labels", len(labels), MAX_LABELS)
    for key, value in labels.items():
        if not key:
            raise FieldInvalid.of("labels", "a label has an empty name")
        at_most("labels", key, MAX_LABEL_KEY)
        at_most(f"labels[{key!r}]", value, MAX_LABEL_VALUE)


def _check_tools(tools: Sequence[job_service_pb2.Tool]) -> None:
    few("tools", len(tools), MAX_TOOLS)
    for i, tool in enumerate(tools):
        if not tool.name:
            raise FieldInvalid.of(f"tools[{i}].name", "is empty")
        at_most(f"tools[{i}].name", tool.name, MAX_ID)
        json_object(f"tools[{i}].parameters_json", tool.parameters_json)


def _check_parameters(parameters: job_service_pb2.GenerationParameters) -> None:
    json_object("parameters.extra_json", parameters.extra_json)
    few("parameters.stop_sequences", len(parameters.stop_sequences), MAX_STOPS)
    if parameters.HasField("max_tokens") and parameters.max_tokens < 1:
        raise FieldInvalid.of("parameters.max_tokens", f"is {parameters.max_tokens}, must be 1 or more")
    for name in ("temperature", "top_p"):
        value = getattr(parameters, name)
        if not 0 <= value <= 100:
            raise FieldInvalid.of(f"parameters.{name}", f"is {value}, must be 0 or more")


def _check_policies(request: job_service_pb2.StartGenerationRequest) -> None:
    known("recovery", request.recovery, job_service_pb2.RecoveryPolicy)
    known("concurrency", request.concurrency, job_service_pb2.ConcurrencyPolicy)


def at_most(field: str, text: str, limit: int) -> None:
    """Raise FieldInvalid for a text of more than `limit` characters."""
    if len(text) > limit:
        message = f"has {len(text)} characters, at most {limit} are allowed"
        raise FieldInvalid.of(field, message, characters=str(len(text)), limit=str(limit))


def few(field: str, count: int, limit: int) -> None:
    """Raise FieldInvalid for more than `limit` entries."""
    if count > limit:
        message = f"has {count} entries, at most {limit} are allowed"
        raise FieldInvalid.of(field, message, entries=str(count), limit=str(limit))


def known(field: str, value: int, enum: Any) -> None:
    """Raise FieldInvalid for a value that the enum does not have."""
    if value not in enum.values():
        raise FieldInvalid.of(field, f"{value} is not one of {', '.join(enum.keys())}", value=str(value))


def timedelta_of(duration: duration_pb2.Duration) -> timedelta:
    """Return a duration that a stranger gave: one that no timedelta can hold is cut to one that is too long."""
    return timedelta(seconds=min(max(duration.seconds, -1), 2**31), microseconds=duration.nanos // 1000)
