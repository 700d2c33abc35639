"""The chunks of a chat completion, read into an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamsvc.producers.answer import LONGEST_NAME, Answer
from streamsvc.producers.base import Notes
from streamsvc.producers.failures import Reported
from streamsvc.producers.fields import object_of, objects_of, text_of
from streamsvc.producers.openai_chat.extras import CHOICE, CHUNK, DELTA, Extras, citation_of, join_details
from streamsvc.producers.openai_chat.tools import ToolCalls
from streamsvc.producers.upstream import Item
from streamsvc.producers.usage import Names, usage_of
from streamsvc.v1 import job_pb2

_FINISH_REASONS = {
    "stop": job_pb2.FINISH_REASON_STOP,
    "length": job_pb2.FINISH_REASON_LENGTH,
    "tool_calls": job_pb2.FINISH_REASON_TOOL_CALLS,
    "function_call": job_pb2.FINISH_REASON_TOOL_CALLS,
    "content_filter": job_pb2.FINISH_REASON_CONTENT_FILTER,
    "refusal": job_pb2.FINISH_REASON_REFUSAL,
}
_NAMES = Names(
    tokens={"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"},
    shares={
        ("completion_tokens_details", "reasoning_tokens"): "reasoning_tokens",
        ("prompt_tokens_details", "cached_tokens"): "cached_input_tokens",
        ("prompt_tokens_details", "cache_write_tokens"): "cache_write_input_tokens",
    },
)


class Chunks:
    """Reads chunks. Only the first choice is read. `ended` stays false: usage may still come after the last word."""

    ended = False

    def __init__(self, answer: Answer, notes: Notes) -> None:
        self.answer = answer
        self._notes = notes
        self._tools = ToolCalls(answer)
        self._extras = Extras(answer)
        self._details: list[dict[str, Any]] = []
        self._begun = False
        self._upstream_reason = ""

    @property
    def finished(self) -> bool:
        """Whether the model has said why it stopped."""
        return bool(self._upstream_reason)

    def read(self, event: Mapping[str, Any]) -> None:
        """Read one chunk. Raises ValueError if a field holds what it cannot hold, and Reported."""
        if error := event.get("error"):
            raise Reported(error)
        if not self._begun and "choices" not in event and "type" in event:
            raise ValueError("this is no chunk of a chat completion")
        self._begun = True
        if model := text_of(event.get("model")):
            self.answer.answered_by(model)
        if usage := event.get("usage"):
            self.answer.usage = usage_of(object_of(usage), _NAMES)
        for choice in objects_of(event.get("choices")):
            if choice.get("index"):
                continue
            self._say(object_of(choice.get("delta")))
            if reason := text_of(choice.get("finish_reason")):
                self._upstream_reason = reason[:LONGEST_NAME]
            if not choice.keys() <= CHOICE:
                self._extras.read(choice, CHOICE)
        if not event.keys() <= CHUNK:
            self._extras.read(event, CHUNK)
        self._extras.pass_on()

    def taken(self) -> None:
        """See `Reader.taken`."""
        self.answer.note(self._notes)

    def end(self) -> list[Item]:
        """Return what closes the answer."""
        self._pass_reasoning()
        self._extras.pass_on(ended=True)
        reason = _FINISH_REASONS.get(self._upstream_reason, job_pb2.FINISH_REASON_OTHER)
        return self.answer.end(reason, self._upstream_reason)

    def _say(self, delta: Mapping[str, Any]) -> None:
        answer = self.answer
        self._reason(delta)
        if self._details and (delta.get("content") or delta.get("tool_calls")):
            self._pass_reasoning()
        if refusal := text_of(delta.get("refusal")):
            answer.refuse(refusal)
        self._read_content(delta.get("content"))
        for call in objects_of(delta.get("tool_calls")):
            self._tools.add(call)
        if function := object_of(delta.get("function_call")):
            self._tools.add({"index": 0, "function": function})
        for annotation in objects_of(delta.get("annotations")):
            if citation := citation_of(annotation):
                answer.cite(citation)
            else:
                self._extras.say(annotation)
        if not delta.keys() <= DELTA:
            self._extras.read(delta, DELTA)

    def _reason(self, delta: Mapping[str, Any]) -> None:
        # Both names are in use, and a few endpoints send the same text under both.
        field = "reasoning_content" if delta.get("reasoning_content") else "reasoning"
        if reasoning := text_of(delta.get(field)):
            self.answer.reason(reasoning)
            if self.answer.is_reasoning:
                self.answer.kept["field"] = field
        join_details(self._details, objects_of(delta.get("reasoning_details")))
        if self._details and self.answer.is_reasoning:
            join_details(self.answer.kept.setdefault("reasoning_details", []), self._details)
            self._details = []

    def _read_content(self, content: object) -> None:
        # Most endpoints send one text. Mistral sends a list of blocks once its model reasons.
        if not isinstance(content, list):
            self.answer.tell(text_of(content))
            return
        for block in objects_of(content):
            match block.get("type"):
                case "text":
                    self.answer.tell(text_of(block.get("text")))
                case "thinking":
                    self.answer.reason(_joined(block.get("thinking")))
                case _:
                    self._extras.say(block)

    def _pass_reasoning(self) -> None:
        """Keep what came of the model's reasoning without a word that could be read."""
        if self._details:
            self.answer.withhold({"reasoning_details": self._details})
            self._details = []


def _joined(thoughts: object) -> str:
    if not isinstance(thoughts, list):
        return text_of(thoughts)
    return "".join(text_of(thought.get("text")) for thought in objects_of(thoughts))
