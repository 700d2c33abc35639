"""The chunks of a chat completion as events: parts open and close, tool calls grow, tokens are counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streamsvc.producers.base import Finished
from streamsvc.producers.openai_chat_fields import content_of, object_of, objects_of, text_of
from streamsvc.producers.openai_chat_said import Said
from streamsvc.producers.openai_chat_seam import Astray, Seam
from streamsvc.producers.openai_chat_tokens import TokenCount
from streamsvc.producers.openai_chat_tools import ToolCalls
from streamsvc.producers.openai_chat_usage import usage_of
from streamsvc.producers.parts import part_completed, reasoning_delta, text_delta
from streamsvc.v1 import content_pb2, event_pb2, job_pb2

_FINISH_REASONS = {
    "stop": job_pb2.FINISH_REASON_STOP,
    "length": job_pb2.FINISH_REASON_LENGTH,
    "tool_calls": job_pb2.FINISH_REASON_TOOL_CALLS,
    "function_call": job_pb2.FINISH_REASON_TOOL_CALLS,
    "content_filter": job_pb2.FINISH_REASON_CONTENT_FILTER,
    "refusal": job_pb2.FINISH_REASON_REFUSAL,
}
NOTHING = Said()
"""What was said before a first attempt."""

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

    `said` is what an earlier attempt said. Its open text goes on in its part; `seam` drops what the model says again of
    it, and reasoning that comes first is dropped too. `tokens` counts along.
    """

    def __init__(
        self, model: str, said: Said = NOTHING, seam: Seam | None = None, tokens: TokenCount | None = None
    ) -> None:
        self._model = model
        self._parts = said.parts()
        self._tools = ToolCalls(self._parts)
        self._open: tuple[str, int] | None = None if said.open_text is None else ("text", said.open_text)
        self._seam = seam
        self._reasoned = said.reasoned
        self._tokens = tokens
        self._begun = False
        self._mused = False
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
        """Yield what closes the answer, `Finished` last. Raises Astray if it did not go on with what was said."""
        reason, mused = self._reason(), self._mused
        yield from self._pass_seam()
        # Some endpoints take what follows on a handed answer for reasoning: what was said must not pass for the whole.
        if mused and reason not in _CUT_OFF:
            raise Astray
        yield from self._close()
        yield from self._tools.close(cut_off=reason in _CUT_OFF)
        yield from self._counted()
        yield Finished(reason, self._upstream_reason)

    def break_off(self) -> Iterator[event_pb2.Event]:
        """Yield what is known of an answer that has no end. Nothing, if nothing was said: it may be asked for again."""
        if self._begun:
            yield from self._counted()

    def _counted(self) -> Iterator[event_pb2.Event]:
        if self._usage:
            entry = content_pb2.UsageEntry(model=self._model, usage=self._usage)
            yield event_pb2.Event(usage_updated=event_pb2.UsageUpdated(entry=entry))

    def _say(self, delta: Mapping[str, Any]) -> Iterator[event_pb2.Event]:
        # Both names are in use, and a few endpoints send the same text under both.
        if reasoning := text_of(delta.get("reasoning_content") or delta.get("reasoning")):
            yield from self._reason_on(reasoning)
        if refusal := text_of(delta.get("refusal")):
            yield from self._pass_seam()
            yield from self._append("refusal", refusal)
        for kind, text in content_of(delta.get("content")):
            if text:
                yield from self._reason_on(text) if kind == "reasoning" else self._tell(text)
        calls: Iterable[Mapping[str, Any]] = objects_of(delta.get("tool_calls"))
        if function := object_of(delta.get("function_call")):
            calls = [{"index": 0, "function": function}]
        for call in calls:
            yield from self._pass_seam()
            yield from self._close()
            yield from self._tools.add(call)

    def _reason_on(self, text: str) -> Iterator[event_pb2.Event]:
        if self._tokens:
            self._tokens.add_reasoning()
        self._mused = self._seam is not None
        if self._seam is None and not self._reasoned:
            yield from self._append("reasoning", text)

    def _tell(self, text: str) -> Iterator[event_pb2.Event]:
        if self._tokens:
            self._tokens.add(text)
        self._mused = False
        if self._seam is not None:
            text = self._seam.take(text)
            self._seam = None if self._seam.joined else self._seam
        yield from self._append("text", text)

    def _pass_seam(self) -> Iterator[event_pb2.Event]:
        self._begun, self._reasoned, self._mused = True, False, False
        if self._seam is not None:
            seam, self._seam = self._seam, None
            yield from self._append("text", seam.end())

    def _append(self, kind: str, text: str) -> Iterator[event_pb2.Event]:
        if not text:
            return
        self._begun, self._reasoned = True, False
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
