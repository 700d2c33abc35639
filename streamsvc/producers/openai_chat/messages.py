"""A conversation as the chat completions API wants it: one message a role, tool results as messages of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamsvc.producers.conversation import (
    bad_media_type,
    bad_role,
    bad_source,
    data_url,
    is_sendable,
    parts_of,
    results_of,
    text_of_part,
)
from streamsvc.producers.kept import Kept
from streamsvc.v1 import content_pb2

FAMILY = "openai_chat"
KEPT = Kept(FAMILY)
"""What this family keeps beside the parts of an answer."""


def messages_of(messages: Sequence[content_pb2.ChatMessage]) -> list[dict[str, Any]]:
    """Return the API's messages. What says nothing is left out, unless a person said it.

    Raises FieldInvalid for parts that the API has no place for.
    """
    translated: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        match message.role:
            case content_pb2.ROLE_SYSTEM:
                translated += _system(path, message)
            case content_pb2.ROLE_USER:
                translated.append(_user(path, message))
            case content_pb2.ROLE_ASSISTANT:
                translated += _Assistant().messages(path, message)
            case _:
                raise bad_role(path)
    return translated


def _system(path: str, message: content_pb2.ChatMessage) -> list[dict[str, Any]]:
    texts = [text_of_part(where, part) for where, part in parts_of(path, message)]
    text = "\n".join(filter(None, texts))
    return [{"role": "system", "content": text}] if text else []


def _user(path: str, message: content_pb2.ChatMessage) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for where, part in parts_of(path, message):
        kept = KEPT.read(where, part.upstream_json)
        if part.WhichOneof("kind") == "file":
            content.append({"type": "image_url", "image_url": {"url": _image_url(where, part.file)}, **kept})
        elif text := text_of_part(where, part):
            content.append({"type": "text", "text": text, **kept})
    if any(block["type"] != "text" or len(block) > 2 for block in content):
        return {"role": "user", "content": content}
    # Several local endpoints read nothing but a string here.
    return {"role": "user", "content": "\n".join(block["text"] for block in content)}


def _image_url(path: str, file: content_pb2.FilePart) -> str:
    if not file.media_type.startswith("image/"):
        raise bad_media_type(path, file, "an image")
    match file.WhichOneof("source"):
        case "url":
            return file.url
        case "data":
            return data_url(file)
        case _:
            raise bad_source(path, "`url` or `data`")


class _Assistant:
    """Cuts an answer into messages: text, the calls that follow it, their results, and again from the start.

    Reasoning goes back with the calls that it led to, where the endpoint had sent it; some models need it then. What an
    endpoint gave to be sent back goes back always.
    """

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._texts: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []
        self._thoughts: dict[str, str] = {}
        self._kept: dict[str, Any] = {}

    def messages(self, path: str, message: content_pb2.ChatMessage) -> list[dict[str, Any]]:
        for index, (where, part) in enumerate(parts_of(path, message)):
            kept = KEPT.read(where, part.upstream_json)
            match part.WhichOneof("kind"):
                case "reasoning":
                    self._add_reasoning(part.reasoning.text, kept)
                case "tool_call":
                    self._add_call(f"{where}.tool_call", part.tool_call, f"call_{index}", kept)
                case _:
                    self._add_text(text_of_part(where, part))
        self._flush()
        return self._messages

    def _add_reasoning(self, text: str, kept: dict[str, Any]) -> None:
        if kept and self._calls:
            self._flush()
        field = kept.pop("field", None)
        if isinstance(field, str):
            self._thoughts[field] = self._thoughts.get(field, "") + text
        self._kept |= kept

    def _add_text(self, text: str) -> None:
        if text and self._calls:
            self._flush()
        if text:
            self._texts.append(text)

    def _add_call(self, path: str, call: content_pb2.ToolCallPart, default_id: str, kept: dict[str, Any]) -> None:
        # The tools that another family's upstream ran are none of this one's.
        if not is_sendable(call) or call.runner == content_pb2.TOOL_RUNNER_UPSTREAM:
            return
        call_id = call.call_id or default_id
        function = {"name": call.name, "arguments": call.arguments_json or "{}"}
        self._calls.append({"id": call_id, "type": "function", "function": function, **kept})
        results = "\n".join(results_of(path, call))
        self._results.append({"role": "tool", "tool_call_id": call_id, "content": results})

    def _flush(self) -> None:
        message: dict[str, Any] = {"role": "assistant"}
        # An empty assistant message at the end makes local models go astray.
        if (text := "".join(self._texts)).strip():
            message["content"] = text
        if self._calls:
            message["tool_calls"] = self._calls
        if len(message) > 1:
            # Some endpoints ask for the key even where there is no text.
            message.setdefault("content", None)
            message |= self._kept | (self._thoughts if self._calls else {})
            self._messages += [message, *self._results]
        self._texts, self._calls, self._results = [], [], []
        self._thoughts, self._kept = {}, {}
