"""The events of the Responses API, read into an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from streamsvc.producers.answer import LONGEST_NAME, Answer
from streamsvc.producers.base import Notes
from streamsvc.producers.failures import Reported
from streamsvc.producers.fields import object_of, text_of
from streamsvc.producers.kept import compact
from streamsvc.producers.openai_responses.items import ITEMS, Unknown
from streamsvc.producers.openai_responses.items import Item as OutputItem
from streamsvc.producers.openai_responses.messages import FAMILY
from streamsvc.producers.openai_responses.run import Run
from streamsvc.producers.openai_responses.steps import STEPS
from streamsvc.producers.parts import custom
from streamsvc.producers.upstream import Item
from streamsvc.producers.usage import Names, usage_of
from streamsvc.v1 import job_pb2

_NAMES = Names(
    tokens={"input_tokens": "input_tokens", "output_tokens": "output_tokens"},
    shares={
        ("input_tokens_details", "cached_tokens"): "cached_input_tokens",
        ("input_tokens_details", "cache_write_tokens"): "cache_write_input_tokens",
        ("output_tokens_details", "reasoning_tokens"): "reasoning_tokens",
    },
)
_INCOMPLETE = {
    "max_output_tokens": job_pb2.FINISH_REASON_LENGTH,
    "content_filter": job_pb2.FINISH_REASON_CONTENT_FILTER,
}
# What repeats at the end of something what was told of it before.
_REPEATS = frozenset(
    {
        *("output_text.done", "refusal.done", "reasoning_text.done", "function_call_arguments.done"),
        *("reasoning_summary_text.done", "reasoning_summary_part.done", "reasoning_part.added", "reasoning_part.done"),
        *("mcp_call_arguments.done", "custom_tool_call_input.done", "code_interpreter_call_code.done"),
        *("content_part.added", "content_part.done"),
    }
)
_PREFIX = "response."


class Events:
    """Reads events. Each belongs to an item of the output; what is not known is said as a custom event.

    `run` is the upstream's own run, if that goes on when nobody listens: then where it stands is noted. `failed` tells
    that it has said of itself that it failed.
    """

    def __init__(self, answer: Answer, notes: Notes, run: Run | None = None) -> None:
        self.answer = answer
        self._notes = notes
        self._run = run
        self._items: dict[object, OutputItem] = {}
        self._boundary = False
        self._begun = run is not None and bool(run.id)
        self.failed = False
        self._reason: job_pb2.FinishReason.ValueType | None = None
        self._upstream_reason = ""

    @property
    def finished(self) -> bool:
        """Whether the model has said why it stopped."""
        return self._reason is not None

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come: the last event says all."""
        return self.finished

    def read(self, event: Mapping[str, Any]) -> None:
        """Read one event. Raises ValueError if a field holds what it cannot hold, and Reported."""
        kind = event.get("type")
        if kind == "error":
            self._fail(event.get("error") or {"code": event.get("code")})
        if not isinstance(kind, str) or not (self._begun or kind.startswith(_PREFIX)):
            raise ValueError("this is no event of the Responses API")
        self._begun = True
        if self._run is not None:
            self._run.reached(event.get("sequence_number"))
        kind = kind.removeprefix(_PREFIX)
        if "response" in event:
            self._hear(kind, object_of(event["response"]))
        elif kind == "output_item.added":
            self._add(event)
        elif kind == "output_item.done":
            self._done(event)
        elif not self._grow(kind, event) and kind not in _REPEATS:
            self._say_unknown(kind, event)

    def taken(self) -> None:
        """See `Reader.taken`."""
        if self._run is None:
            self.answer.note(self._notes)
        elif self._boundary:
            self._boundary = False
            self._note(self._run.at_boundary(self.answer.parts.opened))

    def end(self) -> list[Item]:
        """Return what closes the answer."""
        reason = job_pb2.FINISH_REASON_OTHER if self._reason is None else self._reason
        return self.answer.end(reason, self._upstream_reason)

    def _hear(self, kind: str, response: Mapping[str, Any]) -> None:
        """Hear how the response stands as a whole."""
        self.answer.answered_by(text_of(response.get("model")))
        if usage := response.get("usage"):
            self.answer.usage = usage_of(object_of(usage), _NAMES)
        match kind:
            case "completed":
                self._end(job_pb2.FINISH_REASON_STOP, kind)
            case "incomplete":
                reason = text_of(object_of(response.get("incomplete_details")).get("reason"))
                self._end(_INCOMPLETE.get(reason, job_pb2.FINISH_REASON_OTHER), reason or kind)
            case "failed" | "cancelled":
                self._fail(response.get("error") or {"code": kind})
            case "created" | "queued" | "in_progress":
                self._name_run(kind, text_of(response.get("id")))
            case _:
                self._say_unknown(kind, response)

    def _name_run(self, status: str, run_id: str) -> None:
        if self._run is None:
            return
        self._run.id = run_id or self._run.id
        at_boundary = self._is_boundary()
        self._note(self._run.at_boundary(self.answer.parts.opened) if at_boundary else self._run.note())
        # An event has to go with the note, or it would not be stored before the first word.
        self.answer.say(custom(f"{FAMILY}.status", compact({"status": status}), key="status"))

    def _end(self, reason: job_pb2.FinishReason.ValueType, upstream_reason: str) -> None:
        self._reason, self._upstream_reason = reason, upstream_reason

    def _fail(self, error: object) -> NoReturn:
        self.failed = True
        raise Reported(error)

    def _add(self, event: Mapping[str, Any]) -> None:
        given = object_of(event.get("item"))
        kind = text_of(given.get("type"))
        make = ITEMS.get(kind) or STEPS.get(kind) or Unknown
        self._items[_key(event, given)] = make(self.answer, given)

    def _done(self, event: Mapping[str, Any]) -> None:
        given = object_of(event.get("item"))
        if _key(event, given) not in self._items:
            self._add(event)
        self._items.pop(_key(event, given)).done(given)
        self._boundary = self._is_boundary()

    def _grow(self, kind: str, event: Mapping[str, Any]) -> bool:
        item = self._items.get(_key(event, {}))
        return item is not None and item.grow(kind, event)

    def _say_unknown(self, kind: str, event: Mapping[str, Any]) -> None:
        self.answer.say(custom(f"{FAMILY}.{kind[:LONGEST_NAME]}", compact(event)))
        if self._run is not None:
            self._note(self._run.passed())

    def _is_boundary(self) -> bool:
        # From what its end depends on the answer has to be told anew: calls close with it, for one.
        return not self._items and not self.answer.tells_its_end

    def _note(self, note: bytes) -> None:
        # A run without a name cannot be asked for again.
        if self._run is not None and self._run.id:
            self._notes.value = note


def _key(event: Mapping[str, Any], item: Mapping[str, Any]) -> object:
    """Return what tells the items apart: their place, or an id where an endpoint leaves the place out."""
    place = event.get("output_index")
    return place if isinstance(place, int) else text_of(event.get("item_id") or item.get("id"))
