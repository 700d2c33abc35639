"""A conversation as the Messages API wants it: blocks, with the results of tools in a message of the person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from streamsvc.json_text import json_object
from streamsvc.producers.anthropic.files import block_of
from streamsvc.producers.conversation import (
    ERRORS,
    bad_role,
    is_sendable,
    parts_of,
    results_of,
    text_of_part,
    unsupported,
)
from streamsvc.producers.kept import Kept
from streamsvc.v1 import content_pb2

FAMILY = "anthropic"
KEPT = Kept(FAMILY)
"""What this family keeps beside the parts of an answer."""

Block = dict[str, Any]


def messages_of(messages: Sequence[content_pb2.ChatMessage]) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return the instructions, and the API's messages. What says nothing is left out: the API refuses it.

    Raises FieldInvalid for parts that the API has no place for.
    """
    system: list[Block] = []
    translated: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        match message.role:
            case content_pb2.ROLE_SYSTEM:
                system += [_text(where, part) for where, part in parts_of(path, message) if text_of_part(where, part)]
            case content_pb2.ROLE_USER:
                translated += _message("user", list(_user(path, message)))
            case content_pb2.ROLE_ASSISTANT:
                translated += _Assistant().messages(path, message)
            case _:
                raise bad_role(path)
    return system, translated


def _message(role: str, content: list[Block]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content}] if content else []


def _user(path: str, message: content_pb2.ChatMessage) -> Iterator[Block]:
    for where, part in parts_of(path, message):
        if part.WhichOneof("kind") == "file":
            yield {**block_of(where, part.file), **KEPT.read(where, part.upstream_json)}
        elif text_of_part(where, part).strip():
            yield _text(where, part)


def _text(path: str, part: content_pb2.ContentPart) -> Block:
    block: Block = {"type": "text", "text": text_of_part(path, part)}
    kept = [KEPT.read(path, citation.upstream_json) for citation in part.text.citations]
    if citations := [citation for citation in kept if citation]:
        block["citations"] = citations
    return {**block, **KEPT.read(path, part.upstream_json)}


class _Assistant:
    """Cuts an answer into messages: what the model said, the results of the calls in it, and again from the start."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._blocks: list[Block] = []
        self._results: list[Block] = []

    def messages(self, path: str, message: content_pb2.ChatMessage) -> list[dict[str, Any]]:
        for where, part in parts_of(path, message):
            kept = KEPT.read(where, part.upstream_json)
            match part.WhichOneof("kind"):
                case "tool_call" if part.tool_call.runner == content_pb2.TOOL_RUNNER_UPSTREAM:
                    self._add(*_upstream_call(where, part.tool_call, kept))
                case "tool_call" if is_sendable(part.tool_call):
                    self._blocks.append(_call(where, part.tool_call, kept))
                    self._results.append(_result(where, part.tool_call))
                case "tool_call":
                    continue
                case "reasoning":
                    self._add(*_thoughts(part.reasoning, kept))
                case "data" if part.data.name.startswith(f"{FAMILY}."):
                    self._add(json_object(f"{where}.data.json", part.data.json))
                case "text":
                    # Why it declined is not the model's own word, and the API wants none that says nothing.
                    if part.text.text.strip() and not part.text.refusal:
                        self._add(_text(where, part))
                case _:
                    raise unsupported(where, part)
        self._flush()
        return self._messages

    def _add(self, *blocks: Block) -> None:
        if blocks and self._results:
            self._flush()
        self._blocks += blocks

    def _flush(self) -> None:
        self._messages += _message("assistant", self._blocks) + _message("user", self._results)
        self._blocks, self._results = [], []


def _thoughts(reasoning: content_pb2.ReasoningPart, kept: Block) -> Sequence[Block]:
    """Return the block of a model's thoughts; none if nothing proves that they are its own: the API refuses those."""
    if not kept or "data" in kept:
        return [kept] if kept else []
    return [{"type": "thinking", "thinking": reasoning.text, **kept}]


def _call(path: str, call: content_pb2.ToolCallPart, kept: Block) -> Block:
    arguments = json_object(f"{path}.tool_call.arguments_json", call.arguments_json)
    return {"type": "tool_use", "id": call.call_id, "name": call.name, "input": arguments, **kept}


def _result(path: str, call: content_pb2.ToolCallPart) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": call.call_id, "content": _contents(path, call)}
    if call.status in ERRORS:
        block["is_error"] = True
    return block


def _contents(path: str, call: content_pb2.ToolCallPart) -> list[Block]:
    if any(result.HasField("file") for result in call.results):
        results = enumerate(call.results)
        return [_content(f"{path}.tool_call.results[{index}]", result) for index, result in results]
    return [{"type": "text", "text": text} for text in results_of(f"{path}.tool_call", call) if text]


def _content(path: str, result: content_pb2.ToolResultPart) -> Block:
    if result.WhichOneof("kind") == "file":
        return block_of(path, result.file)
    return {"type": "text", "text": result.json or result.text}


def _upstream_call(path: str, call: content_pb2.ToolCallPart, kept: Block) -> Iterator[Block]:
    """Yield the call of a tool that the API runs itself, and what it gave; nothing of another family's tools."""
    if "use" in kept:
        arguments = json_object(f"{path}.tool_call.arguments_json", call.arguments_json)
        yield {"id": call.call_id, "name": call.name, "input": arguments, **kept["use"]}
    if "result" in kept:
        yield kept["result"]
