"""What people have said, as messages of LangChain."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from streamsvc.v1 import content_pb2

_KINDS: dict[int, type[BaseMessage]] = {
    content_pb2.ROLE_SYSTEM: SystemMessage,
    content_pb2.ROLE_USER: HumanMessage,
    content_pb2.ROLE_ASSISTANT: AIMessage,
}


def messages_of(messages: Iterable[content_pb2.ChatMessage]) -> list[BaseMessage]:
    """Return messages of LangChain: their texts and files. Calls of tools in them are left out, with their results."""
    found = []
    for message in messages:
        content: list[Any] = [block for part in message.parts for block in _blocks(part)]
        if content:
            only = content[0].get("text") if len(content) == 1 else None
            found.append(_KINDS.get(message.role, HumanMessage)(content=only or content, id=message.id or None))
    return found


def _blocks(part: content_pb2.ContentPart) -> Iterable[dict[str, Any]]:
    if part.HasField("text") and part.text.text:
        yield {"type": "text", "text": part.text.text}
    elif part.HasField("file") and (source := part.file.WhichOneof("source")):
        kind = part.file.media_type.partition("/")[0]
        block = {"type": kind if kind in ("image", "audio", "video") else "file", "mime_type": part.file.media_type}
        if source == "data":
            yield {**block, "base64": base64.b64encode(part.file.data).decode()}
        else:
            yield {**block, source: getattr(part.file, source)}
