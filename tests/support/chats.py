"""Short words for tests of producers: requests, chunks as endpoints send them, and events as lines of text."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any, cast

from streamsvc.producers.answer import Answer
from streamsvc.producers.base import Finished, Notes, Producer, UpstreamError
from streamsvc.producers.endpoint import Endpoint
from streamsvc.producers.modes import AUTO
from streamsvc.producers.openai_chat.chunks import Chunks
from streamsvc.producers.openai_chat.messages import KEPT
from streamsvc.producers.openai_chat.producer import OpenAIChat
from streamsvc.producers.upstream import Reader
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, job_service_pb2, state_pb2
from tests.support.folding import folded, numbered

Item = event_pb2.Event | Finished


def openai_chat(name: str, base_url: str, *, continue_mode: str = AUTO, **options: Any) -> OpenAIChat:
    """Return the producer for an endpoint."""
    return OpenAIChat(Endpoint(name, base_url, **options), continue_mode=continue_mode)


def user(text: str) -> content_pb2.ChatMessage:
    """Return what a person says."""
    return content_pb2.ChatMessage(role=content_pb2.ROLE_USER, parts=[text_part(text)])


def text_part(text: str) -> content_pb2.ContentPart:
    """Return a part of text."""
    return content_pb2.ContentPart(text=content_pb2.TextPart(text=text))


def ask(
    *messages: content_pb2.ChatMessage,
    model: str = "m",
    parameters: job_service_pb2.GenerationParameters | None = None,
    tools: Iterable[job_service_pb2.Tool] = (),
) -> job_service_pb2.StartGenerationRequest:
    """Return a request; without messages somebody says hi."""
    return job_service_pb2.StartGenerationRequest(
        model=model, messages=messages or [user("hi")], parameters=parameters, tools=tools
    )


def chunk(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """Return a chunk with one choice, as OpenAI writes it."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1790000000, "choices": [choice]}


def generate(
    producer: Producer,
    request: job_service_pb2.StartGenerationRequest | None = None,
    so_far: state_pb2.JobState | None = None,
    notes: Notes | None = None,
) -> AsyncGenerator[Item, None]:
    """Return an attempt at answering `request`, or somebody's hi; the first one, unless `so_far` was said."""
    # The interface promises an iterator that can be closed, for which there is no shorter word.
    return cast("AsyncGenerator[Item, None]", producer.generate(request or ask(), so_far, notes or Notes()))


def so_far(*chunks: dict[str, Any]) -> state_pb2.JobState:
    """Return what is left of the answer that these chunks make, if its writer is lost after them."""
    return folded(numbered(*_read(Chunks(Answer("m", KEPT), Notes()), chunks)))


def call(**fields: Any) -> dict[str, Any]:
    """Return a chunk with one fragment of a tool call; `name` and `arguments` go where OpenAI puts them."""
    function = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    return chunk(tool_calls=[{**fields, "type": "function", "function": function}])


def events(*chunks: dict[str, Any], model: str = "m") -> list[str]:
    """Return the outline of the answer that these chunks make."""
    reader = Chunks(Answer(model, KEPT), Notes())
    return outline(_read(reader, chunks)) + outline(reader.end())


def _read(reader: Reader, told: Iterable[dict[str, Any]]) -> list[event_pb2.Event]:
    """Return the events of what an upstream tells."""
    events: list[event_pb2.Event] = []
    for item in told:
        reader.read(item)
        events += reader.answer.take()
    return events


async def said(items: AsyncIterator[Item], most: int | None = None) -> list[str]:
    """Return the outline of what an iterator yields, of the first `most` items if given."""
    lines: list[str] = []
    if most != 0:
        async for item in items:
            lines.append(line_of(item))
            if len(lines) == most:
                break
    return lines


async def failed(items: AsyncIterator[Item]) -> tuple[list[str], UpstreamError]:
    """Return the outline of what is yielded before the failure, and the failure."""
    lines: list[str] = []
    try:
        async for item in items:
            lines.append(line_of(item))
    except UpstreamError as error:
        return lines, error
    raise AssertionError(f"no failure, but {lines}")


def outline(items: Iterable[Item]) -> list[str]:
    """Return a line for each item, see `line_of`."""
    return [line_of(item) for item in items]


def line_of(item: Item) -> str:
    """Return an event in few words, such as `0 text`, `0 + Hello`, `0 completed` or `finished STOP stop`."""
    if isinstance(item, Finished):
        reason = job_pb2.FinishReason.Name(item.reason).removeprefix("FINISH_REASON_")
        return f"finished {reason} {item.upstream_reason}".rstrip()
    kind = item.WhichOneof("payload")
    assert kind is not None
    payload = getattr(item, kind)
    match kind:
        case "part_started":
            return f"{payload.part.index} {_opened(payload.part)}"
        case "part_replaced":
            return f"{payload.part.index} anew {_opened(payload.part)}"
        case "text_delta" | "reasoning_delta":
            return f"{payload.part_index} + {payload.text}"
        case "tool_call_delta":
            return f"{payload.part_index} + {payload.arguments_json}"
        case "tool_call_updated":
            status = content_pb2.ToolCallStatus.Name(payload.status).removeprefix("TOOL_CALL_STATUS_")
            return f"{payload.part_index} {status}"
        case "part_completed":
            return f"{payload.part_index} completed"
        case "citation_added":
            citation = payload.citation
            return f"{payload.part_index} cites {citation.source_id} {citation.start_index}-{citation.end_index}"
        case "custom":
            return f"custom {payload.name} {payload.json}"
        case "usage_updated":
            return f"usage {_usage(payload.entry)}"
        case _:
            return kind


def _opened(part: content_pb2.ContentPart) -> str:
    match part.WhichOneof("kind"):
        case "text":
            return "refusal" if part.text.refusal else "text"
        case "tool_call":
            call = part.tool_call
            status = content_pb2.ToolCallStatus.Name(call.status).removeprefix("TOOL_CALL_STATUS_")
            runner = content_pb2.ToolRunner.Name(call.runner).removeprefix("TOOL_RUNNER_")
            return f"call {call.call_id} {call.name} {status} {runner}"
        case kind:
            return str(kind)


def _usage(entry: content_pb2.UsageEntry) -> str:
    usage = entry.usage
    words = [entry.model, f"{usage.input_tokens}/{usage.output_tokens}"]
    shares = ("reasoning_tokens", "cached_input_tokens", "cache_write_input_tokens")
    words += [f"{name}={getattr(usage, name)}" for name in shares if getattr(usage, name)]
    words += [f"{name}={number}" for name, number in sorted(usage.details.items())]
    return " ".join(words)
