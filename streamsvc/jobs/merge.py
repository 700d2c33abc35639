"""Neighbouring deltas of one part as one event: fewer bytes, the same state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamsvc.v1 import event_pb2

MAX_MERGED_CHARACTERS = 16 * 1024

_TEXT = {"text_delta": "text", "reasoning_delta": "text", "tool_call_delta": "arguments_json"}


def merge(events: Sequence[event_pb2.Event], max_characters: int = MAX_MERGED_CHARACTERS) -> Sequence[event_pb2.Event]:
    """Return `events` with each run of deltas of the same kind and part as one delta. Changes none of them.

    A merged delta has at most `max_characters`. One that tells its own time begins a run.
    """
    merged: list[event_pb2.Event] = []
    run: list[event_pb2.Event] = []
    key: tuple[str, int] | None = None
    size = 0
    for event in events:
        kind = event.WhichOneof("payload")
        field = _TEXT.get(kind) if kind else None
        if field is None or kind is None:
            merged += _join(run, key)
            merged.append(event)
            run, key = [], None
            continue
        delta = getattr(event, kind)
        place = (kind, delta.part_index)
        size += len(getattr(delta, field))
        if place != key or size > max_characters or event.HasField("create_time"):
            merged += _join(run, key)
            run, key, size = [], place, len(getattr(delta, field))
        run.append(event)
    merged += _join(run, key)
    return merged


def _join(run: Sequence[event_pb2.Event], key: tuple[str, int] | None) -> Iterable[event_pb2.Event]:
    if len(run) < 2 or key is None:
        return run
    kind, _ = key
    joined = event_pb2.Event()
    joined.CopyFrom(run[0])
    text = "".join([getattr(getattr(event, kind), _TEXT[kind]) for event in run])
    setattr(getattr(joined, kind), _TEXT[kind], text)
    return [joined]
