"""The blocks of an answer of the Messages API: what each becomes as it opens, grows and closes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from streamsvc.producers.answer import LONGEST_NAME, Answer
from streamsvc.producers.anthropic.citations import citation_of
from streamsvc.producers.anthropic.messages import FAMILY
from streamsvc.producers.fields import object_of, objects_of, text_of
from streamsvc.producers.kept import compact
from streamsvc.producers.parts import part_completed, tool_call_delta, tool_call_updated
from streamsvc.v1 import content_pb2


class Block:
    """One block while it is written. `waiting` are the calls of tools that the API runs, by id, until they end."""

    def __init__(self, answer: Answer, waiting: MutableMapping[str, Block], given: Mapping[str, Any]) -> None:
        self.answer = answer
        self.waiting = waiting
        self.open(given)

    def open(self, given: Mapping[str, Any]) -> None:
        """Open what the block becomes. Raises ValueError if a field of it is malformed."""

    def grow(self, kind: str, delta: Mapping[str, Any]) -> bool:
        """Read a delta. Returns whether its kind is known here. Raises ValueError if it is malformed."""
        return False

    def close(self) -> None:
        """Hear that nothing more comes."""

    def give_up(self) -> None:
        """Hear that the answer ends, and nothing ended the call."""

    def end(self, given: Mapping[str, Any]) -> None:
        """Hear what the tool gave."""


class Text(Block):
    """Text and its sources, which hold for the whole of it. Its part opens with its first word."""

    def open(self, given: Mapping[str, Any]) -> None:
        """See `Block.open`."""
        self.answer.begin_text()
        self.answer.tell(text_of(given.get("text")))
        for citation in objects_of(given.get("citations")):
            self.answer.cite(citation_of(citation))

    def grow(self, kind: str, delta: Mapping[str, Any]) -> bool:
        """See `Block.grow`."""
        if kind == "text_delta":
            self.answer.tell(text_of(delta.get("text")))
        elif kind == "citations_delta":
            self.answer.cite(citation_of(object_of(delta.get("citation"))))
        else:
            return False
        return True

    def close(self) -> None:
        """See `Block.close`."""
        self.answer.close()


class Thinking(Block):
    """Thoughts, with the signature by which the API knows them as its own."""

    def open(self, given: Mapping[str, Any]) -> None:
        """See `Block.open`."""
        self._signature = text_of(given.get("signature"))
        if thought := text_of(given.get("thinking")):
            self.answer.reason(thought)

    def grow(self, kind: str, delta: Mapping[str, Any]) -> bool:
        """See `Block.grow`."""
        if kind == "thinking_delta":
            self.answer.reason(text_of(delta.get("thinking")))
        elif kind == "signature_delta":
            self._signature += text_of(delta.get("signature"))
        else:
            return False
        return True

    def close(self) -> None:
        """See `Block.close`."""
        kept = {"signature": self._signature} if self._signature else {}
        if self.answer.open_part is not None:
            self.answer.kept = kept
            self.answer.close()
        elif kept:
            # Thoughts that the API withholds are signed too, and have to go back.
            self.answer.withhold(kept)


class Redacted(Block):
    """Thoughts that nobody may read but the model."""

    def open(self, given: Mapping[str, Any]) -> None:
        """See `Block.open`."""
        self.answer.withhold(dict(given))


class ToolUse(Block):
    """A call that the caller is to run."""

    def open(self, given: Mapping[str, Any]) -> None:
        """See `Block.open`."""
        self._call = self.answer.call(text_of(given.get("id")), text_of(given.get("name")))
        self._call.kept = _further(given, "type", "id", "name", "input")
        if arguments := object_of(given.get("input")):
            self.answer.argue(self._call, compact(arguments))

    def grow(self, kind: str, delta: Mapping[str, Any]) -> bool:
        """See `Block.grow`."""
        if kind == "input_json_delta":
            self.answer.argue(self._call, text_of(delta.get("partial_json")))
        return kind == "input_json_delta"

    def close(self) -> None:
        """See `Block.close`."""
        self._call.ended = True


class UpstreamCall(Block):
    """A call of a tool that the API runs itself, such as its web search; the result comes as a block of its own."""

    def open(self, given: Mapping[str, Any]) -> None:
        """See `Block.open`."""
        call_id = text_of(given.get("id"))
        part = content_pb2.ToolCallPart(
            call_id=call_id,
            name=text_of(given.get("name")),
            status=content_pb2.TOOL_CALL_STATUS_WRITING,
            runner=content_pb2.TOOL_RUNNER_UPSTREAM,
        )
        self._part = self.answer.open(content_pb2.ContentPart(tool_call=part))
        self._kept: dict[str, Any] = {"use": _further(given, "id", "name", "input")}
        if arguments := object_of(given.get("input")):
            self.answer.say(tool_call_delta(self._part, compact(arguments)))
        self.waiting[call_id] = self

    def grow(self, kind: str, delta: Mapping[str, Any]) -> bool:
        """See `Block.grow`."""
        if kind == "input_json_delta" and (arguments := text_of(delta.get("partial_json"))):
            self.answer.say(tool_call_delta(self._part, arguments))
        return kind == "input_json_delta"

    def close(self) -> None:
        """See `Block.close`."""
        self.answer.say(tool_call_updated(self._part, content_pb2.TOOL_CALL_STATUS_RUNNING))

    def end(self, given: Mapping[str, Any]) -> None:
        """See `Block.end`."""
        self._kept["result"] = dict(given)
        content = given.get("content")
        failed = given.get("is_error") or (isinstance(content, dict) and str(content.get("type")).endswith("_error"))
        status = content_pb2.TOOL_CALL_STATUS_FAILED if failed else content_pb2.TOOL_CALL_STATUS_SUCCEEDED
        result = content_pb2.ToolResultPart(json=compact(_readable(content)))
        self.answer.say(tool_call_updated(self._part, status, [result]))
        self.give_up()

    def give_up(self) -> None:
        """See `Block.give_up`."""
        self.answer.say(part_completed(self._part, self.answer.keep.text(self._kept)))


class ToolResult(Block):
    """What a tool gave that the API ran itself."""

    def open(self, given: Mapping[str, Any]) -> None:
        """See `Block.open`."""
        call = self.waiting.pop(text_of(given.get("tool_use_id")), None)
        if call is None:
            Unknown(self.answer, self.waiting, given)
        else:
            call.end(given)


class Unknown(Block):
    """A block of a kind that is not known here: kept in its place, to go back as it is."""

    def open(self, given: Mapping[str, Any]) -> None:
        """See `Block.open`."""
        name = f"{FAMILY}.{text_of(given.get('type'))[:LONGEST_NAME]}"
        data = content_pb2.DataPart(name=name, json=compact(given))
        self.answer.open(content_pb2.ContentPart(data=data, completed=True))


BLOCKS: Mapping[str, Callable[[Answer, MutableMapping[str, Block], Mapping[str, Any]], Block]] = {
    "text": Text,
    "thinking": Thinking,
    "redacted_thinking": Redacted,
    "tool_use": ToolUse,
    "server_tool_use": UpstreamCall,
    "mcp_tool_use": UpstreamCall,
    "_tool_result": ToolResult,
}
"""By type; what tools gave comes under many, which end alike."""


def _further(given: Mapping[str, Any], *known: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in known and value is not None}


def _readable(content: object) -> object:
    """Return what a tool gave without what only the model can read."""
    if isinstance(content, list):
        return [_readable(item) for item in content]
    return _further(content, "encrypted_content") if isinstance(content, dict) else content
