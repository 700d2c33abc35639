"""Messages of a request, as the OpenAI Agents SDK takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from agents import TResponseInputItem

from streamsvc.adapters import files
from streamsvc.v1 import content_pb2

_ROLES = {content_pb2.ROLE_SYSTEM: "system", content_pb2.ROLE_ASSISTANT: "assistant"}


def input_of(messages: Iterable[content_pb2.ChatMessage]) -> list[TResponseInputItem]:
    """Return what the model is to read: texts, files of people, and calls of earlier answers with their results.

    Left out are reasoning, data parts and files that a model made.
    """
    items = (item for message in messages for item in _items(message))
    return [cast(TResponseInputItem, item) for item in items]


def _items(message: content_pb2.ChatMessage) -> Iterator[dict[str, Any]]:
    if role := _ROLES.get(message.role):
        for part in message.parts:
            if part.HasField("tool_call"):
                yield from _call(part.tool_call)
            elif part.text.text:
                yield {"role": role, "content": part.text.text}
    else:
        yield {"role": "user", "content": [piece for part in message.parts for piece in _pieces(part)]}


def _pieces(part: content_pb2.ContentPart) -> Iterator[dict[str, Any]]:
    if part.HasField("text"):
        yield {"type": "input_text", "text": part.text.text}
    elif part.HasField("file"):
        image = part.file.media_type.startswith("image/")
        piece: dict[str, Any] = {"type": "input_image", "detail": "auto"} if image else {"type": "input_file"}
        if part.file.file_id:
            piece["file_id"] = part.file.file_id
        elif image:
            piece["image_url"] = files.url_of(part.file)
        else:
            piece["file_data" if part.file.HasField("data") else "file_url"] = files.url_of(part.file)
            piece["filename"] = part.file.name
        yield piece


def _call(call: content_pb2.ToolCallPart) -> Iterator[dict[str, Any]]:
    """Give a call with its results. One without would be refused: the model's API wants an output for each."""
    if call.results:
        yield {
            "type": "function_call",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments_json or "{}",
        }
        output = "\n".join(result.text or result.json or result.file.name for result in call.results)
        yield {"type": "function_call_output", "call_id": call.call_id, "output": output}
