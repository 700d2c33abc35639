"""The items of an answer of the Responses API: what each becomes as it is added, grows and is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from streamsvc.producers.answer import LONGEST_NAME, Answer
from streamsvc.producers.fields import object_of, objects_of, text_of
from streamsvc.producers.kept import compact
from streamsvc.producers.openai_responses.citations import citation_of
from streamsvc.producers.openai_responses.messages import FAMILY
from streamsvc.v1 import content_pb2


class Item:
    """One item while it is written: what is not known of it is left to `done`, which tells it whole."""

    def __init__(self, answer: Answer, given: Mapping[str, Any]) -> None:
        self.answer = answer
        self.add(given)

    def add(self, given: Mapping[str, Any]) -> None:
        """Hear that the item begins. Raises ValueError if a field of it is malformed."""

    def grow(self, kind: str, event: Mapping[str, Any]) -> bool:
        """Read an event of the item. Returns whether its kind is known here. Raises ValueError if it is malformed."""
        return False

    def done(self, given: Mapping[str, Any]) -> None:
        """Hear of the whole item. Raises ValueError if a field of it is malformed."""


class Message(Item):
    """What the model says: each piece of its content is a part."""

    def add(self, given: Mapping[str, Any]) -> None:
        """See `Item.add`."""
        self._kept = further(given, "type", "role", "content", "status")
        self._cited = 0

    def grow(self, kind: str, event: Mapping[str, Any]) -> bool:
        """See `Item.grow`."""
        match kind:
            case "output_text.delta":
                self.answer.tell(text_of(event.get("delta")))
            case "refusal.delta":
                self.answer.refuse(text_of(event.get("delta")))
            case "content_part.added":
                self.answer.begin_text()
                self._cited = 0
            case "output_text.annotation.added":
                self._cite(object_of(event.get("annotation")))
            case "content_part.done":
                self._close(object_of(event.get("part")))
            case _:
                return False
        return True

    def done(self, given: Mapping[str, Any]) -> None:
        """See `Item.done`."""
        self._close({})

    def _cite(self, annotation: Mapping[str, Any]) -> None:
        self._cited += 1
        self.answer.cite(citation_of(annotation))

    def _close(self, part: Mapping[str, Any]) -> None:
        # Not every endpoint tells of the sources before the end.
        for annotation in objects_of(part.get("annotations"))[self._cited :]:
            self._cite(annotation)
        if self.answer.open_part is not None:
            self.answer.kept = self._kept
            self.answer.close()


class Reasoning(Item):
    """How the model thinks: each piece of the summary is a part, and the last one keeps what is encrypted."""

    def add(self, given: Mapping[str, Any]) -> None:
        """See `Item.add`."""
        self._kept = {name: value for name, value in given.items() if name == "id"}
        self._said = False

    def grow(self, kind: str, event: Mapping[str, Any]) -> bool:
        """See `Item.grow`."""
        match kind:
            case "reasoning_summary_text.delta":
                self._say(text_of(event.get("delta")), summary=True)
            case "reasoning_text.delta":
                self._say(text_of(event.get("delta")), summary=False)
            case "reasoning_summary_part.added":
                self.answer.close()
            case _:
                return False
        return True

    def done(self, given: Mapping[str, Any]) -> None:
        """See `Item.done`."""
        kept = further(given, "type", "summary", "content", "status")
        if self.answer.is_reasoning:
            self.answer.kept = kept
            self.answer.close()
        elif not self._said:
            self.answer.withhold(kept)

    def _say(self, text: str, *, summary: bool) -> None:
        self._said = True
        self.answer.reason(text, summary=summary)
        if self.answer.is_reasoning:
            self.answer.kept = self._kept


class FunctionCall(Item):
    """A call that the caller is to run."""

    def add(self, given: Mapping[str, Any]) -> None:
        """See `Item.add`."""
        self._call = self.answer.call(text_of(given.get("call_id")), text_of(given.get("name")))
        self._call.kept = further(given, "type", "status", "arguments", "call_id", "name")
        self.answer.argue(self._call, text_of(given.get("arguments")))

    def grow(self, kind: str, event: Mapping[str, Any]) -> bool:
        """See `Item.grow`."""
        if kind == "function_call_arguments.delta":
            self.answer.argue(self._call, text_of(event.get("delta")))
        return kind == "function_call_arguments.delta"

    def done(self, given: Mapping[str, Any]) -> None:
        """See `Item.done`."""
        if not self._call.arguments:
            self.answer.argue(self._call, text_of(given.get("arguments")))
        self._call.ended = text_of(given.get("status")) != "incomplete"


class CustomCall(Item):
    """A call whose argument is a text in a form of its own: in the log it is the field `input` of an object."""

    def add(self, given: Mapping[str, Any]) -> None:
        """See `Item.add`."""
        self._call = self.answer.call(text_of(given.get("call_id")), text_of(given.get("name")))
        self._call.kept = further(given, "status", "input", "call_id", "name")
        self.answer.argue(self._call, '{"input":"')

    def grow(self, kind: str, event: Mapping[str, Any]) -> bool:
        """See `Item.grow`."""
        if kind == "custom_tool_call_input.delta":
            self.answer.argue(self._call, escaped(text_of(event.get("delta"))))
        return kind == "custom_tool_call_input.delta"

    def done(self, given: Mapping[str, Any]) -> None:
        """See `Item.done`."""
        if len(self._call.arguments) == 1:
            self.answer.argue(self._call, escaped(text_of(given.get("input"))))
        self.answer.argue(self._call, '"}')
        self._call.ended = True


class OwnToolCall(Item):
    """A call of one of the API's own tools that the caller is to run, such as a shell."""

    def done(self, given: Mapping[str, Any]) -> None:
        """See `Item.done`."""
        name = text_of(given.get("type")).removesuffix("_call")
        call = self.answer.call(text_of(given.get("call_id") or given.get("id")), name)
        call.kept = further(given, "status")
        self.answer.argue(call, compact(given.get("action") or given.get("operation") or {}))
        call.ended = True


class Unknown(Item):
    """An item of a kind that is not known here: kept in its place, to go back as it is."""

    def done(self, given: Mapping[str, Any]) -> None:
        """See `Item.done`."""
        name = f"{FAMILY}.{text_of(given.get('type'))[:LONGEST_NAME]}"
        data = content_pb2.DataPart(name=name, json=compact(given))
        self.answer.open(content_pb2.ContentPart(data=data, completed=True))


ITEMS: Mapping[str, Callable[[Answer, Mapping[str, Any]], Item]] = {
    "message": Message,
    "reasoning": Reasoning,
    "function_call": FunctionCall,
    "custom_tool_call": CustomCall,
    "local_shell_call": OwnToolCall,
    "shell_call": OwnToolCall,
    "apply_patch_call": OwnToolCall,
    "computer_call": OwnToolCall,
}


def further(given: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """Return the fields that are set and not `known`."""
    return {name: value for name, value in given.items() if name not in known and value is not None}


def escaped(text: str) -> str:
    """Return a piece of text as it stands inside a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
