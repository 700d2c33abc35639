"""Neighbouring deltas of one part as one event: fewer bytes, the same state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from streamsvc.v1 import event_pb2

MAX_MERGED_CHARACTERS = 16 * 1024

_TEXT = {"text_delta": "text", "reasoning_delta": "text", "tool_call_delta": "arguments_json"}


def merge(events: Sequence[event_pb2.Event], max_characters: int = MAX_MERGED_CHARACTERS) -> Sequence[event_pb2.Event]:
    """Return `events` with each run of deltas of the same kind and part as one delta. Changes none of them.

    A merged delta has at most `max_characters`. One that tells its own time begins a run.
    """
    merged: list[event_pb2.Event] = []
    run, size = _Run(), 0
    for event in events:
        kind = event.WhichOneof("payload") or ""
        name = _TEXT.get(kind)
        if name is None:
            merged += (*run.joined(), event)
            run = _Run()
            continue
        delta = getattr(event, kind)
        index, text = delta.part_index, getattr(delta, name)
        size += len(text)
        if kind != run.kind or index != run.index or size > max_characters or event.HasField("create_time"):
            merged += run.joined()
            run, size = _Run(event, kind, index), len(text)
        run.texts.append(text)
    merged += run.joined()
    return merged


@dataclass(slots=True)
class _Run:
    """Deltas of one kind and part: the first of them, and the texts of all."""

    first: event_pb2.Event | None = None
    kind: str = ""
    index: int = 0
    texts: list[str] = field(default_factory=list)

    def joined(self) -> Sequence[event_pb2.Event]:
        if self.first is None:
            return ()
        if len(self.texts) == 1:
            return (self.first,)
        joined = event_pb2.Event()
        joined.CopyFrom(self.first)
        setattr(getattr(joined, self.kind), _TEXT[self.kind], "".join(self.texts))
        return (joined,)
