"""The chunks of a chat completion as events: parts open and close, tool calls grow, tokens are counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streamsvc.producers.base import Finished
from streamsvc.producers.openai_chat_fields import object_of, objects_of, text_of
from streamsvc.producers.openai_chat_tools import ToolCalls
from streamsvc.producers.openai_chat_usage import usage_of
from streamsvc.producers.parts import Parts, part_completed, reasoning_delta, text_delta
from streamsvc.v1 import content_pb2, event_pb2, job_pb2

_FINISH_REASONS = {
    "stop": job_pb2.FINISH_REASON_STOP,
    "length": job_pb2.FINISH_REASON_LENGTH,
    "tool_calls": job_pb2.FINISH_REASON_TOOL_CALLS,
    "function_call": job_pb2.FINISH_REASON_TOOL_CALLS,
    "content_filter": job_pb2.FINISH_REASON_CONTENT_FILTER,
    "refusal": job_pb2.FINISH_REASON_REFUSAL,
}
_CUT_OFF = (job_pb2.FINISH_REASON_LENGTH, job_pb2.FINISH_REASON_CONTENT_FILTER)
_LONGEST_NAME = 256


def decode(data: bytes) -> dict[str, Any]:
    """Return the chunk in an event's data. Raises ValueError if it is no JSON object."""
    try:
        # A broken character is no reason to lose the answer around it.
        chunk = json.loads(data.decode(errors="replace"))
    except (ValueError, RecursionError):
        chunk = None
    if not isinstance(chunk, dict):
        raise ValueError("the data is no JSON object")
    return chunk


class Answer:
    """One answer of a model.

    Only the first choice is read. A part closes when one of another kind begins; tool calls, which may interleave,
    close at the end. Usage is told once, with the end: some endpoints count anew in every chunk.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._parts = Parts()
        self._tools = ToolCalls(self._parts)
        self._open: tuple[str, int] | None = None
        self._usage: content_pb2.Usage | None = None
        self._refused = False
        self._upstream_reason = ""

    @property
    def finished(self) -> bool:
        """Whether the model has said why it stopped. Usage may still come."""
        return bool(self._upstream_reason)

    def add(self, chunk: Mapping[str, Any]) -> Iterator[event_pb2.Event]:
        """Yield the events of one chunk. Raises ValueError if a field holds what it cannot hold."""
        if model := text_of(chunk.get("model")):
            self._model = model[:_LONGEST_NAME]
        if usage := chunk.get("usage"):
            self._usage = usage_of(object_of(usage))
        for choice in objects_of(chunk.get("choices")):
            if choice.get("index"):
                continue
            yield from self._say(object_of(choice.get("delta")))
            if reason := text_of(choice.get("finish_reason")):
                self._upstream_reason = reason[:_LONGEST_NAME]

    def end(self) -> Iterator[event_pb2.Event | Finished]:
        """Yield what closes the answer, `Finished` last."""
        reason = self._reason()
        yield from self._close()
        yield from self._tools.close(cut_off=reason in _CUT_OFF)
        if self._usage:
            entry = content_pb2.UsageEntry(model=self._model, usage=self._usage)
            yield event_pb2.Event(usage_updated=event_pb2.UsageUpdated(entry=entry))
        yield Finished(reason, self._upstream_reason)

    def _say(self, delta: Mapping[str, Any]) -> Iterator[event_pb2.Event]:
        # Both names are in use, and a few endpoints send the same text under both.
        yield from self._append("reasoning", text_of(delta.get("reasoning_content") or delta.get("reasoning")))
        yield from self._append("refusal", text_of(delta.get("refusal")))
        yield from self._append("text", text_of(delta.get("content")))
        calls: Iterable[Mapping[str, Any]] = objects_of(delta.get("tool_calls"))
        if function := object_of(delta.get("function_call")):
            calls = [{"index": 0, "function": function}]
        for call in calls:
            yield from self._close()
            yield from self._tools.add(call)

    def _append(self, kind: str, text: str) -> Iterator[event_pb2.Event]:
        if not text:
            return
        if self._open is None or self._open[0] != kind:
            yield from self._close()
            index, started = self._start(kind)
            yield started
        else:
            index = self._open[1]
        yield reasoning_delta(index, text) if kind == "reasoning" else text_delta(index, text)

    def _start(self, kind: str) -> tuple[int, event_pb2.Event]:
        if kind == "reasoning":
            index, started = self._parts.start_reasoning()
        else:
            self._refused = self._refused or kind == "refusal"
            index, started = self._parts.start_text(refusal=kind == "refusal")
        self._open = (kind, index)
        return index, started

    def _close(self) -> Iterator[event_pb2.Event]:
        if self._open is not None:
            yield part_completed(self._open[1])
            self._open = None

    def _reason(self) -> job_pb2.FinishReason.ValueType:
        reason = _FINISH_REASONS.get(self._upstream_reason, job_pb2.FINISH_REASON_OTHER)
        if reason != job_pb2.FINISH_REASON_STOP:
            return reason
        if self._refused:
            return job_pb2.FINISH_REASON_REFUSAL
        # Several local endpoints say `stop` after tool calls too.
        return job_pb2.FINISH_REASON_TOOL_CALLS if len(self._tools) else reason
