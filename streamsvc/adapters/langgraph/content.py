"""Content blocks of LangChain's messages, as files, results and counts of tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import ToolMessage

from streamsvc.adapters import files
from streamsvc.v1 import content_pb2

LARGEST = 512 * 1024
"""How many characters of JSON a result may have beside its text: an event has to fit under the service's limit."""

FILES = ("image", "audio", "video", "file", "text-plain")
"""The types of blocks that are files."""


def file_of(block: Mapping[str, Any]) -> content_pb2.FilePart:
    """Return the file in a block."""
    media_type, name = block.get("mime_type", ""), (block.get("extras") or {}).get("filename", "")
    if "base64" in block:
        return files.encoded(block["base64"], media_type, name)
    if "url" in block:
        return files.at(block["url"], media_type, name)
    if "text" in block:
        return files.inline(block["text"].encode(), media_type or "text/plain", block.get("title", name))
    return content_pb2.FilePart(file_id=block.get("file_id", ""), media_type=media_type, name=name)


def results_of(message: ToolMessage) -> Iterator[content_pb2.ToolResultPart]:
    """Yield what a tool gave: its content, then its artifact, which the model does not get."""
    for block in message.content_blocks:
        yield _result(block)
    artifact: Any = message.artifact
    several: bool = isinstance(artifact, (list, tuple)) and all(_is_file(one) for one in artifact)
    each: list[Any] = list(artifact) if several else [artifact]
    for one in each:
        if _is_file(one):
            yield content_pb2.ToolResultPart(file=file_of(one))
        elif isinstance(one, bytes):
            yield content_pb2.ToolResultPart(file=files.inline(one, "application/octet-stream"))
        elif one is not None and len(text := json_of(one)) in range(1, LARGEST):
            yield content_pb2.ToolResultPart(json=text)


def plain(output: Any) -> content_pb2.ToolResultPart:
    """Return what a tool gave that was not called by a model."""
    return _text(output) if isinstance(output, str) else content_pb2.ToolResultPart(json=json_of(output, default=str))


def usage_of(counted: Mapping[str, Any]) -> content_pb2.Usage:
    """Return LangChain's `usage_metadata`. What it counts beside ours keeps its name, as `input_audio`."""
    sides = {side: dict(counted.get(f"{side}_token_details") or {}) for side in ("input", "output")}
    usage = content_pb2.Usage(
        input_tokens=counted.get("input_tokens", 0),
        output_tokens=counted.get("output_tokens", 0),
        reasoning_tokens=sides["output"].pop("reasoning", 0) or 0,
        cached_input_tokens=sides["input"].pop("cache_read", 0) or 0,
        cache_write_input_tokens=sides["input"].pop("cache_creation", 0) or 0,
    )
    for side, details in sides.items():
        for name, count in details.items():
            if isinstance(count, int):
                usage.details[f"{side}_{name}"] = count
    return usage


def json_of(value: Any, default: Any = None) -> str:
    """Return a value as JSON text. What JSON has no word for is written by `default`; without one, nothing is."""
    try:
        return json.dumps(value, ensure_ascii=False, default=default)
    except (TypeError, ValueError):
        return ""


def _result(block: Any) -> content_pb2.ToolResultPart:
    if block["type"] == "text":
        return _text(block["text"])
    if _is_file(block):
        return content_pb2.ToolResultPart(file=file_of(block))
    return content_pb2.ToolResultPart(json=json_of(block.get("value", block), default=str))


def _text(text: str) -> content_pb2.ToolResultPart:
    """Return a text; one that is an object or a list in JSON as such: ToolNode writes what a tool returns so."""
    if text[:1] in ("{", "["):
        try:
            json.loads(text)
        except ValueError:
            pass
        else:
            return content_pb2.ToolResultPart(json=text)
    return content_pb2.ToolResultPart(text=text)


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") in FILES
