"""The events of the Messages API, read into an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streamsvc.producers.answer import LONGEST_NAME, Answer
from streamsvc.producers.anthropic.blocks import BLOCKS, Block, Unknown
from streamsvc.producers.anthropic.messages import FAMILY
from streamsvc.producers.base import Notes
from streamsvc.producers.failures import Reported
from streamsvc.producers.fields import object_of, text_of
from streamsvc.producers.kept import compact
from streamsvc.producers.parts import custom
from streamsvc.producers.upstream import Item
from streamsvc.producers.usage import Names, usage_of
from streamsvc.v1 import content_pb2, job_pb2

_FINISH_REASONS = {
    "end_turn": job_pb2.FINISH_REASON_STOP,
    "stop_sequence": job_pb2.FINISH_REASON_STOP,
    "max_tokens": job_pb2.FINISH_REASON_LENGTH,
    "tool_use": job_pb2.FINISH_REASON_TOOL_CALLS,
    "refusal": job_pb2.FINISH_REASON_REFUSAL,
    "model_context_window_exceeded": job_pb2.FINISH_REASON_CONTEXT_LENGTH,
}
_NAMES = Names(
    tokens={
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "cache_read_input_tokens": "cached_input_tokens",
        "cache_creation_input_tokens": "cache_write_input_tokens",
    },
    shares={("output_tokens_details", "thinking_tokens"): "reasoning_tokens"},
)


class Events:
    """Reads events. Blocks come one after the other; what is not known is said as a custom event.

    Kinds of delta are read by the block that they belong to, see `blocks`.
    """

    def __init__(self, answer: Answer, notes: Notes) -> None:
        self.answer = answer
        self.ended = False
        self._notes = notes
        self._block: Block | None = None
        self._upstream_calls: dict[str, Block] = {}
        self._counts: dict[str, Any] = {}
        self._upstream_reason = ""
        self._begun = False
        self._read: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "message_start": self._start,
            "content_block_start": self._open,
            "content_block_delta": self._grow,
            "content_block_stop": self._close,
            "message_delta": self._finish,
            "message_stop": self._stop,
            "ping": lambda _: None,
            "error": self._fail,
        }

    @property
    def finished(self) -> bool:
        """Whether the model has said why it stopped."""
        return bool(self._upstream_reason)

    def read(self, event: Mapping[str, Any]) -> None:
        """Read one event. Raises ValueError if a field holds what it cannot hold, and Reported."""
        kind = event.get("type")
        if not isinstance(kind, str) or not (self._begun or kind in ("message_start", "ping", "error")):
            raise ValueError("this is no event of the Messages API")
        if read := self._read.get(kind):
            read(event)
        else:
            self.answer.say(custom(f"{FAMILY}.{kind[:LONGEST_NAME]}", compact(event)))

    def taken(self) -> None:
        """See `Reader.taken`."""
        self.answer.note(self._notes)

    def end(self) -> list[Item]:
        """Return what closes the answer."""
        for block in self._upstream_calls.values():
            block.give_up()
        reason = _FINISH_REASONS.get(self._upstream_reason, job_pb2.FINISH_REASON_OTHER)
        return self.answer.end(reason, self._upstream_reason)

    def _start(self, event: Mapping[str, Any]) -> None:
        self._begun = True
        message = object_of(event.get("message"))
        self.answer.answered_by(text_of(message.get("model")))
        self._count(message.get("usage"))

    def _open(self, event: Mapping[str, Any]) -> None:
        given = object_of(event.get("content_block"))
        kind = text_of(given.get("type"))
        make = BLOCKS.get("_tool_result" if kind.endswith("_tool_result") else kind, Unknown)
        self._block = make(self.answer, self._upstream_calls, given)

    def _grow(self, event: Mapping[str, Any]) -> None:
        delta = object_of(event.get("delta"))
        kind = text_of(delta.get("type"))
        if self._block is None or not self._block.grow(kind, delta):
            self.answer.say(custom(f"{FAMILY}.{kind[:LONGEST_NAME]}", compact(delta)))

    def _close(self, _: Mapping[str, Any]) -> None:
        block, self._block = self._block, None
        if block is not None:
            block.close()

    def _finish(self, event: Mapping[str, Any]) -> None:
        self._count(event.get("usage"))
        delta = object_of(event.get("delta"))
        if explanation := text_of(object_of(delta.get("stop_details")).get("explanation")):
            self.answer.refuse(explanation)
        self._upstream_reason = text_of(delta.get("stop_reason")) or self._upstream_reason

    def _stop(self, _: Mapping[str, Any]) -> None:
        self.ended = True

    def _fail(self, event: Mapping[str, Any]) -> None:
        raise Reported(event.get("error"))

    def _count(self, counts: object) -> None:
        # Counts are totals; the later ones leave out what has not changed.
        self._counts |= {name: value for name, value in object_of(counts).items() if value is not None}
        self.answer.usage = _usage(self._counts)


def _usage(counts: Mapping[str, Any]) -> content_pb2.Usage:
    usage = usage_of(counts, _NAMES)
    # What the cache had a share in is counted apart by the API, and as a share in the log.
    usage.input_tokens = min(usage.input_tokens + usage.cached_input_tokens + usage.cache_write_input_tokens, 2**31 - 1)
    return usage
