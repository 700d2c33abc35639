"""A conversation as the chat completions API wants it: one message a role, tool results as messages of their own."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

from streamsvc.errors import FieldInvalid
from streamsvc.producers.kept import Kept
from streamsvc.v1 import content_pb2

KEPT = Kept("openai_chat")
"""What this family keeps beside the parts of an answer."""

_LEAVE_OUT = "leave the part out, or pick a producer that takes it"
# Every call needs a result, or the endpoints refuse the conversation. This is said where the tool gave none.
_WITHOUT_RESULT = {
    content_pb2.TOOL_CALL_STATUS_SUCCEEDED: "",
    content_pb2.TOOL_CALL_STATUS_FAILED: "The tool failed.",
    content_pb2.TOOL_CALL_STATUS_DENIED: "The call was denied.",
}


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
                translated += _Assistant(path).messages(message)
            case _:
                raise FieldInvalid.of(f"{path}.role", "must be ROLE_SYSTEM, ROLE_USER or ROLE_ASSISTANT; set it")
    return translated


def _system(path: str, message: content_pb2.ChatMessage) -> list[dict[str, Any]]:
    texts = [_text(f"{path}.parts[{index}]", part) for index, part in enumerate(message.parts)]
    text = "\n".join(filter(None, texts))
    return [{"role": "system", "content": text}] if text else []


def _user(path: str, message: content_pb2.ChatMessage) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for index, part in enumerate(message.parts):
        where = f"{path}.parts[{index}]"
        if part.WhichOneof("kind") == "file":
            content.append({"type": "image_url", "image_url": {"url": _image_url(where, part.file)}})
        elif text := _text(where, part):
            content.append({"type": "text", "text": text})
    if any(block["type"] != "text" for block in content):
        return {"role": "user", "content": content}
    # Several local endpoints read nothing but a string here.
    return {"role": "user", "content": "\n".join(block["text"] for block in content)}


def _image_url(path: str, file: content_pb2.FilePart) -> str:
    if not file.media_type.startswith("image/"):
        rule = f"must be an image for this producer, and its media_type says `{file.media_type}`; {_LEAVE_OUT}"
        raise FieldInvalid.of(f"{path}.file.media_type", rule, media_type=file.media_type)
    match file.WhichOneof("source"):
        case "url":
            return file.url
        case "data":
            return f"data:{file.media_type};base64,{base64.b64encode(file.data).decode('ascii')}"
        case _:
            raise FieldInvalid.of(f"{path}.file.source", "must be `url` or `data` for this producer; set one of them")


def _text(path: str, part: content_pb2.ContentPart) -> str:
    kind = part.WhichOneof("kind")
    if kind != "text":
        raise _unsupported(path, kind)
    return part.text.text


def _unsupported(path: str, kind: str | None) -> FieldInvalid:
    if kind is None:
        return FieldInvalid.of(path, "must hold something; set one of the fields of `kind`")
    return FieldInvalid.of(f"{path}.{kind}", f"this producer cannot send it in a message of this role; {_LEAVE_OUT}")


class _Assistant:
    """Cuts an answer into messages: text, the calls that follow it, their results, and again from the start."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._messages: list[dict[str, Any]] = []
        self._texts: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []

    def messages(self, message: content_pb2.ChatMessage) -> list[dict[str, Any]]:
        for index, part in enumerate(message.parts):
            path = f"{self._path}.parts[{index}]"
            match part.WhichOneof("kind"):
                case "reasoning":
                    continue
                case "tool_call":
                    self._add_call(f"{path}.tool_call", part.tool_call, f"call_{index}")
                case _:
                    self._add_text(_text(path, part))
        self._flush()
        return self._messages

    def _add_text(self, text: str) -> None:
        if text and self._calls:
            self._flush()
        if text:
            self._texts.append(text)

    def _add_call(self, path: str, call: content_pb2.ToolCallPart, default_id: str) -> None:
        # A call that was cut off while the model wrote it is none: nobody could run it.
        if call.status == content_pb2.TOOL_CALL_STATUS_WRITING:
            return
        call_id = call.call_id or default_id
        function = {"name": call.name, "arguments": call.arguments_json or "{}"}
        self._calls.append({"id": call_id, "type": "function", "function": function})
        results = "\n".join(_results(path, call.results))
        if not call.results:
            results = _WITHOUT_RESULT.get(call.status, "The tool was not run.")
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
            self._messages += [message, *self._results]
        self._texts, self._calls, self._results = [], [], []


def _results(path: str, results: Iterable[content_pb2.ToolResultPart]) -> list[str]:
    texts = []
    for index, result in enumerate(results):
        kind = result.WhichOneof("kind")
        if kind == "file":
            rule = f"this producer sends text and JSON as the result of a tool; {_LEAVE_OUT}"
            raise FieldInvalid.of(f"{path}.results[{index}].file", rule)
        texts.append(result.json if kind == "json" else result.text)
    return texts
