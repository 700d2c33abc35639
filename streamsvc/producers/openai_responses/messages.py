"""A conversation as the Responses API wants it: items, and the outputs of tools as items of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from streamsvc.json_text import json_object
from streamsvc.producers.conversation import (
    bad_media_type,
    bad_role,
    bad_source,
    base64_of,
    data_url,
    is_sendable,
    parts_of,
    results_of,
    text_of_part,
    unsupported,
)
from streamsvc.producers.kept import Kept
from streamsvc.v1 import content_pb2

FAMILY = "openai_responses"
KEPT = Kept(FAMILY)
"""What this family keeps beside the parts of an answer."""

Item = dict[str, Any]


def input_of(messages: Sequence[content_pb2.ChatMessage]) -> list[Item]:
    """Return the API's items. What says nothing is left out. Raises FieldInvalid for parts that it has no place for."""
    items: list[Item] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        match message.role:
            case content_pb2.ROLE_SYSTEM:
                items += _message("system", [_text(where, part) for where, part in parts_of(path, message)])
            case content_pb2.ROLE_USER:
                items += _user(path, message)
            case content_pb2.ROLE_ASSISTANT:
                items += _Assistant().items(path, message)
            case _:
                raise bad_role(path)
    return items


def _message(role: str, content: list[Item]) -> list[Item]:
    said = [block for block in content if block.get("text") != ""]
    return [{"type": "message", "role": role, "content": said}] if said else []


def _user(path: str, message: content_pb2.ChatMessage) -> Iterator[Item]:
    content: list[Item] = []
    for where, part in parts_of(path, message):
        if data := _data(where, part):
            yield data
        elif part.WhichOneof("kind") == "file":
            content.append({**_file(where, part.file), **KEPT.read(where, part.upstream_json)})
        else:
            content.append(_text(where, part))
    yield from _message("user", content)


def _text(path: str, part: content_pb2.ContentPart) -> Item:
    return {"type": "input_text", "text": text_of_part(path, part), **KEPT.read(path, part.upstream_json)}


def _data(path: str, part: content_pb2.ContentPart) -> Item:
    """Return the item that a part of this family's own holds, such as an answer to `mcp_approval_request`."""
    return json_object(f"{path}.data.json", part.data.json) if part.data.name.startswith(f"{FAMILY}.") else {}


def _file(path: str, file: content_pb2.FilePart) -> Item:
    is_image = file.media_type.startswith("image/")
    if not is_image and file.media_type.startswith(("audio/", "video/")):
        raise bad_media_type(path, file, "an image or a document")
    block: Item = {"type": "input_image" if is_image else "input_file"}
    if file.name and not is_image:
        block["filename"] = file.name
    match file.WhichOneof("source"):
        case "url":
            block["image_url" if is_image else "file_url"] = file.url
        case "data":
            block["image_url" if is_image else "file_data"] = data_url(file)
        case "file_id":
            block["file_id"] = file.file_id
        case _:
            raise bad_source(path, "`url`, `data` or `file_id`")
    return block


class _Assistant:
    """Puts an answer's parts together to the items that they came from; outputs of tools follow the calls."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._outputs: list[Item] = []

    def items(self, path: str, message: content_pb2.ChatMessage) -> list[Item]:
        for where, part in parts_of(path, message):
            kept = KEPT.read(where, part.upstream_json)
            match part.WhichOneof("kind"):
                case "text":
                    self._add_text(_said(where, part), kept)
                case "reasoning":
                    self._add_reasoning(part.reasoning, kept)
                case "tool_call" if part.tool_call.runner == content_pb2.TOOL_RUNNER_UPSTREAM:
                    # The tools that another family's upstream ran are none of this one's.
                    self._add(kept)
                case "tool_call":
                    self._add_call(where, part.tool_call, kept)
                case "file" if kept:
                    self._add({"status": "completed", "result": base64_of(part.file), **kept})
                case "data" if data := _data(where, part):
                    self._add(data)
                case _:
                    raise unsupported(where, part)
        self._flush()
        return self._items

    def _add(self, item: Item) -> None:
        if item:
            self._flush()
            self._items.append(item)

    def _add_text(self, block: Item, kept: Item) -> None:
        if not block:
            return
        if "id" not in kept:
            self._add({"type": "message", "role": "assistant", "content": block.get("text") or block.get("refusal")})
        elif self._is_last("message", kept["id"]):
            self._items[-1]["content"].append(block)
        else:
            item = {"type": "message", "role": "assistant", "status": "completed", "content": [block]}
            self._add({**item, **kept})

    def _add_reasoning(self, reasoning: content_pb2.ReasoningPart, kept: Item) -> None:
        # Reasoning that this API does not know as its own cannot be sent to it.
        if "id" not in kept:
            return
        if not self._is_last("reasoning", kept["id"]):
            self._add({"type": "reasoning", "summary": []})
        item = self._items[-1]
        item |= kept
        if reasoning.text and reasoning.summary:
            item["summary"].append({"type": "summary_text", "text": reasoning.text})
        elif reasoning.text:
            item.setdefault("content", []).append({"type": "reasoning_text", "text": reasoning.text})

    def _is_last(self, kind: str, item_id: object) -> bool:
        last = self._items[-1] if self._items and not self._outputs else {}
        return last.get("type") == kind and last.get("id") == item_id

    def _add_call(self, path: str, call: content_pb2.ToolCallPart, kept: Item) -> None:
        if not is_sendable(call):
            return
        kind = kept.get("type", "function_call")
        item: Item = {"type": kind, "call_id": call.call_id}
        if kind == "function_call":
            item |= {"name": call.name, "arguments": call.arguments_json or "{}"}
        elif kind == "custom_tool_call":
            arguments = json_object(f"{path}.tool_call.arguments_json", call.arguments_json)
            item |= {"name": call.name, "input": arguments.get("input", "")}
        self._items.append({**item, **kept})
        output = "\n".join(results_of(f"{path}.tool_call", call))
        self._outputs.append({"type": f"{kind}_output", "call_id": call.call_id, "output": _output(kind, output)})

    def _flush(self) -> None:
        self._items += self._outputs
        self._outputs = []


def _said(path: str, part: content_pb2.ContentPart) -> Item:
    text = part.text.text
    if part.text.refusal and text:
        return {"type": "refusal", "refusal": text}
    kept = [KEPT.read(path, citation.upstream_json) for citation in part.text.citations]
    return {"type": "output_text", "text": text, "annotations": [note for note in kept if note]} if text else {}


def _output(kind: str, text: str) -> object:
    """Return what a tool gave: text, but for the API's own tools, whose output has a form."""
    if kind in ("function_call", "custom_tool_call"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
