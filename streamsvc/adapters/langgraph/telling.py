"""Messages of models and of tools, as parts of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage

from streamsvc.adapters.langgraph import content
from streamsvc.adapters.saying import Saying
from streamsvc.v1 import content_pb2

READY = content_pb2.TOOL_CALL_STATUS_READY
SUCCEEDED = content_pb2.TOOL_CALL_STATUS_SUCCEEDED
FAILED = content_pb2.TOOL_CALL_STATUS_FAILED
DENIED = content_pb2.TOOL_CALL_STATUS_DENIED

_UPSTREAM = content_pb2.TOOL_RUNNER_UPSTREAM


class Telling:
    """Tells of messages, whole ones and those that come in pieces.

    `calls` are the calls that the graph knows of, by their ids: a result may be of a call of the job before. `denied`
    are those that people have rejected.
    """

    def __init__(self, saying: Saying, calls: Mapping[str, Any], denied: set[str]) -> None:
        self._saying = saying
        self._calls = calls
        self._denied = denied
        self._keys: dict[str, list[str]] = {}
        self._written: dict[str, dict[Any, str]] = {}
        self._usage: dict[tuple[str, str], content_pb2.Usage] = {}

    def message(self, message: AIMessage, step: str, model: str) -> None:
        """Tell of what a model said, or of a piece of it."""
        message_id = str(message.id)
        for place, block in enumerate(message.content_blocks):
            self._block(message_id, dict(block), place, step)
        if message.usage_metadata:
            name = model or str(message.response_metadata.get("model_name", ""))
            used = self._usage.setdefault((step, name), content_pb2.Usage())
            _add(used, content.usage_of(message.usage_metadata))
            self._saying.usage(used, name, step)
        if not isinstance(message, AIMessageChunk) or message.chunk_position == "last":
            self._ended(message_id)

    def result(self, message: ToolMessage, step: str) -> None:
        """Tell of what a tool gave."""
        call_id = message.tool_call_id
        call = self._calls.get(call_id, {})
        self.begun(call_id, message.name or call.get("name", ""), call.get("args"), step)
        failed = DENIED if call_id in self._denied else FAILED if message.status == "error" else SUCCEEDED
        self._saying.update(call_id, failed, *content.results_of(message))

    def begun(self, call_id: str, name: str, args: Any, step: str) -> None:
        """Tell of a call whose arguments are known, unless it was told of."""
        if call_id not in self._saying.calls:
            self._saying.call(call_id, name, step)
            if args is not None:
                self._saying.argue(call_id, content.json_of(args, default=str))

    def _block(self, message_id: str, block: dict[str, Any], place: int, step: str) -> None:
        kind = block["type"]
        index = block.get("index", place)
        key = f"{message_id} {kind} {index}"
        if kind in ("text", "reasoning"):
            self._keys.setdefault(message_id, []).append(key)
        if kind == "text":
            self._saying.text(key, block["text"], step)
            for one in block.get("annotations") or ():
                if one.get("type") == "citation":
                    self._saying.cite(key, _citation(one))
        elif kind == "reasoning":
            self._saying.reasoning(key, block.get("reasoning") or "", step)
        elif kind in ("tool_call", "tool_call_chunk", "invalid_tool_call"):
            self._call(message_id, block, index, step)
        elif kind.startswith("server_tool"):
            self._server_call(message_id, block, index, step)
        elif kind in content.FILES:
            self._saying.file(content.file_of(block), step)
        else:
            self._saying.data("langchain.block", content.json_of(block.get("value", block), default=str), step)

    def _call(self, message_id: str, block: dict[str, Any], index: Any, step: str, runner: Any = None) -> None:
        """Tell of a call, or of a piece of one: only the first piece names it."""
        written = self._written.setdefault(message_id, {})
        call_id = block.get("id") or written.get(index) or f"{message_id} {index}"
        written[index] = call_id
        args = block.get("args")
        if call_id not in self._saying.calls:
            self._saying.call(call_id, block.get("name") or "", step, *([runner] if runner else []))
        self._saying.argue(call_id, args if isinstance(args, str) else content.json_of(args, default=str))
        if block["type"] == "invalid_tool_call":
            self._saying.update(call_id, FAILED, content_pb2.ToolResultPart(text=block.get("error") or ""))

    def _server_call(self, message_id: str, block: dict[str, Any], index: Any, step: str) -> None:
        if block["type"] != "server_tool_result":
            self._call(message_id, block, index, step, _UPSTREAM)
        else:
            status = FAILED if block.get("status") == "error" else SUCCEEDED
            self._saying.update(block["tool_call_id"], status, content.plain(block.get("output")))

    def _ended(self, message_id: str) -> None:
        for key in dict.fromkeys(self._keys.pop(message_id, ())):
            self._saying.close(key)
        for call_id in self._written.pop(message_id, {}).values():
            self._saying.update(call_id, READY)


def _citation(given: Mapping[str, Any]) -> content_pb2.Citation:
    citation = content_pb2.Citation(
        start_index=given.get("start_index") or 0,
        end_index=given.get("end_index") or 0,
        title=given.get("title") or "",
        snippet=given.get("cited_text") or "",
    )
    if given.get("url"):
        citation.url = given["url"]
    return citation


def _add(total: content_pb2.Usage, more: content_pb2.Usage) -> None:
    for field, count in more.ListFields():
        if field.name == "details":
            for name, value in more.details.items():
                total.details[name] += value
        else:
            setattr(total, field.name, getattr(total, field.name) + count)
