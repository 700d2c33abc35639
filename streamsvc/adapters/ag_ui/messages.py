"""What the parts of an answer are in AG-UI: messages, calls with their results, activities."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ag_ui import core
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from streamsvc.fold import GROWS
from streamsvc.json_text import json_value
from streamsvc.v1 import content_pb2, job_pb2, state_pb2

OURS = "streamsvc"
"""The key of metadata that AG-UI has no words for, and the first word of the names of custom events."""
FILE = f"{OURS}.file"
"""The activity that shows a file."""
MEDIA = {"image": core.ImagePart, "audio": core.AudioPart, "video": core.VideoPart}

_ENDED = (
    content_pb2.TOOL_CALL_STATUS_SUCCEEDED,
    content_pb2.TOOL_CALL_STATUS_FAILED,
    content_pb2.TOOL_CALL_STATUS_DENIED,
)
_WRITING = (content_pb2.TOOL_CALL_STATUS_UNSPECIFIED, content_pb2.TOOL_CALL_STATUS_WRITING)


def messages_of(state: state_pb2.JobState, before: Sequence[core.Message]) -> list[core.Message]:
    """Return the conversation: the messages `before` the job's own, and what the job has said.

    Who asks for a run again may send what it has of the answer already; that is left out of `before`. A client that
    gets no reasoning in a snapshot keeps what it has. So the snapshot of a job that was taken over, and perhaps begun
    anew, always holds some, if only an empty message.
    """
    before = [message for message in before if not _said_by(state.job.id, message.id)]
    own = [message for part in state.parts for message in of_part(state.job.id, part)]
    if state.job.attempt > 1 and not any(message.role == "reasoning" for message in [*before, *own]):
        own.insert(0, core.ReasoningMessage(id=f"{state.job.id}-reasoning", content=""))
    return [*before, *own]


def _said_by(job_id: str, message_id: str) -> bool:
    return message_id.startswith(f"{job_id}-") and not message_id.startswith(f"{job_id}-input-")


def asked_of(state: state_pb2.JobState) -> list[core.Message]:
    """Return what the job was asked, as messages of people: their text."""
    return [
        core.UserMessage(
            id=message.id or f"{state.job.id}-input-{place}",
            content="\n\n".join(part.text.text for part in message.parts if part.HasField("text")),
        )
        for place, message in enumerate(state.input)
        if message.role == content_pb2.ROLE_USER
    ]


def message_id(job_id: str, part: content_pb2.ContentPart) -> str:
    """Return the id of the message that a part is. It names the kind, since a job begun anew counts anew."""
    return f"{job_id}-{part.WhichOneof('kind')}-{part.index}"


def result_id(job_id: str, part: content_pb2.ContentPart) -> str:
    """Return the id of the message with the result of a call."""
    return f"{job_id}-result-{part.index}"


def call_id(job_id: str, part: content_pb2.ContentPart) -> str:
    """Return the id of a call: that of the model, if it gave one."""
    return part.tool_call.call_id or message_id(job_id, part)


def metadata_of(part: content_pb2.ContentPart) -> dict[str, Any] | None:
    """Return what AG-UI has no field for: step, citations, who runs a tool, and so on."""
    rest = content_pb2.ContentPart()
    rest.CopyFrom(part)
    for name in ("index", "completed", "upstream_json"):
        rest.ClearField(name)
    kind = part.WhichOneof("kind")
    if kind in GROWS:
        held = getattr(rest, kind)
        for name in (GROWS[kind], "call_id", "name", "status", "results"):
            if name in held.DESCRIPTOR.fields_by_name:
                held.ClearField(name)
    if kind is not None and not (kind in GROWS and getattr(rest, kind).ListFields()):
        rest.ClearField(kind)
    return ours(rest)


def ours(message: Message) -> dict[str, Any] | None:
    """Return metadata that holds a message as protobuf JSON; None if it says nothing."""
    said = MessageToDict(message)
    return {OURS: said} if said else None


def json_of(text: str) -> Any:
    """Return the value of JSON text: None if there is no text, the text itself if it is no JSON."""
    try:
        return json_value(text) if text else None
    except ValueError:
        return text


def encrypted(part: content_pb2.ContentPart) -> str | None:
    """Return what the upstream needs back with a part: as the agent gave it, if it was an agent's."""
    if not part.upstream_json:
        return None
    held = json_of(part.upstream_json)
    agents = isinstance(held, dict) and list(held) == ["encryptedValue"]
    return str(held["encryptedValue"]) if agents else part.upstream_json


def is_written(part: content_pb2.ContentPart) -> bool:
    """Tell whether nothing more is added to a part; for a call: to its arguments."""
    return part.completed or (part.HasField("tool_call") and part.tool_call.status not in _WRITING)


def is_answered(part: content_pb2.ContentPart) -> bool:
    """Tell whether a part is a call that has its last result."""
    call = part.tool_call
    return call.status in _ENDED or (part.completed and bool(call.results))


def activity_of(part: content_pb2.ContentPart) -> tuple[str, dict[str, Any]]:
    """Return the type and the content of the activity that data or a file is."""
    if part.HasField("file"):
        return FILE, MessageToDict(part.file)
    value = json_of(part.data.json)
    return part.data.name, value if isinstance(value, dict) else {"value": value}


def result_of(call: content_pb2.ToolCallPart) -> str | list[core.ContentPart]:
    """Return what a tool gave: a text if it is one text, else parts."""
    kinds = [result.WhichOneof("kind") for result in call.results]
    if not call.results:
        return ""
    if kinds in (["text"], ["json"]):
        return str(getattr(call.results[0], str(kinds[0])))
    return [_result(result) for result in call.results]


def result_metadata(call: content_pb2.ToolCallPart) -> dict[str, Any] | None:
    """Return how a call ended: a result does not say whether it is a failure."""
    return ours(content_pb2.ToolCallPart(status=call.status))


def usage_of(state: state_pb2.JobState) -> list[core.TokenUsage] | None:
    """Return the tokens used, by model."""
    sums: dict[str, dict[str, int]] = {}
    for entry in state.usage_entries:
        counts = sums.setdefault(entry.model, {})
        for name in _COUNTS:
            counts[name] = counts.get(name, 0) + max(0, getattr(entry.usage, name))
    return [
        core.TokenUsage.model_validate({"model": model or None, **counts}) for model, counts in sums.items()
    ] or None


def interrupts_of(state: state_pb2.JobState) -> list[core.Interrupt]:
    """Return the questions of a job that waits for people. Each names its job, so that an answer finds it."""
    waits = state.job.finish_reason == job_pb2.FINISH_REASON_INPUT_REQUIRED
    return [_interrupt(state, request) for request in state.input_requests] if waits else []


def _interrupt(state: state_pb2.JobState, request: content_pb2.InputRequest) -> core.Interrupt:
    rest = content_pb2.InputRequest()
    rest.CopyFrom(request)
    for name in ("id", "type", "message", "schema_json", "expire_time"):
        rest.ClearField(name)
    about = request.HasField("part_index") and request.part_index < len(state.parts)
    part = state.parts[request.part_index] if about else None
    schema = json_of(request.schema_json)
    return core.Interrupt(
        id=f"{state.job.id}:{request.id}",
        reason=request.type or "question",
        message=request.message or None,
        tool_call_id=call_id(state.job.id, part) if part and part.HasField("tool_call") else None,
        response_schema=schema if isinstance(schema, dict) else None,
        expires_at=request.expire_time.ToJsonString() if request.HasField("expire_time") else None,
        metadata=ours(rest),
    )


def of_part(job_id: str, part: content_pb2.ContentPart) -> Iterator[core.Message]:
    """Yield the messages that a part is."""
    kind = part.WhichOneof("kind")
    if kind is None:
        return
    own = message_id(job_id, part)
    about: dict[str, Any] = {"metadata": metadata_of(part), "encrypted_value": encrypted(part)}
    if kind == "text":
        yield core.AssistantMessage(id=own, content=part.text.text, **about)
    elif kind == "reasoning":
        yield core.ReasoningMessage(id=own, content=part.reasoning.text, **about)
    elif kind == "tool_call":
        call, called = part.tool_call, call_id(job_id, part)
        function = core.FunctionCall(name=call.name, arguments=call.arguments_json)
        yield core.AssistantMessage(id=own, tool_calls=[core.ToolCall(id=called, function=function, **about)])
        if is_answered(part):
            given, how = result_of(call), result_metadata(call)
            yield core.ToolMessage(id=result_id(job_id, part), tool_call_id=called, content=given, metadata=how)
    else:
        activity, content = activity_of(part)
        yield core.ActivityMessage(id=own, activity_type=activity, content=content, metadata=metadata_of(part))


def contents(part: content_pb2.ContentPart) -> Iterator[core.ContentPart]:
    """Yield what a part of a person's message is."""
    if part.HasField("text"):
        yield core.TextPart(text=part.text.text)
    elif part.HasField("file"):
        yield _file(part.file)


def indexed(parts: Sequence[content_pb2.ContentPart]) -> Iterator[content_pb2.ContentPart]:
    """Yield parts of a message with their places: in a request they need not have one."""
    for index, part in enumerate(parts):
        placed = content_pb2.ContentPart()
        placed.CopyFrom(part)
        placed.index = index
        yield placed


def _result(result: content_pb2.ToolResultPart) -> core.ContentPart:
    return _file(result.file) if result.HasField("file") else core.TextPart(text=result.text or result.json)


def _file(file: content_pb2.FilePart) -> core.ContentPart:
    where: core.PartSource
    if file.HasField("data"):
        where = core.DataSource(value=base64.b64encode(file.data).decode(), mime_type=file.media_type)
    elif file.HasField("url"):
        where = core.UrlSource(value=file.url, mime_type=file.media_type or None)
    elif file.HasField("file_id"):
        where = core.FileSource(value=file.file_id, mime_type=file.media_type or None)
    else:
        return core.TextPart(text=file.name or file.media_type)
    kind: Callable[..., core.ContentPart] = MEDIA.get(file.media_type.partition("/")[0], core.DocumentPart)
    return kind(source=where)


_COUNTS = (
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
)
