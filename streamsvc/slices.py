"""Snapshots in slices: a large state as several messages, and back.

A gRPC client refuses messages over 4 MiB by default, so a state goes out in slices of about 1 MiB. Joining them:
repeated fields are joined, and a part that goes on from the last slice has the index it had there; its text or its
arguments are appended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamsvc.fold import growing_text, set_growing_text
from streamsvc.v1 import content_pb2, state_pb2

SLICE_BYTES = 1024 * 1024

_FRAMING = 6  # most bytes that a field's tag and length take
_LISTS = ("input", "steps", "usage_entries", "custom", "errors", "input_requests", "answers")


def slices(state: state_pb2.JobState, max_bytes: int = SLICE_BYTES) -> Iterator[state_pb2.JobState]:
    """Yield `state` in slices of about `max_bytes`, at least one.

    A single item that is larger than that (such as one file) makes a larger slice.
    """
    if state.ByteSize() <= max_bytes:
        yield state
        return
    current = state_pb2.JobState(offset=state.offset)
    for single in ("job", "usage"):
        if state.HasField(single):
            getattr(current, single).CopyFrom(getattr(state, single))
    size = current.ByteSize()
    for field, item in _items(state, max_bytes):
        item_size = item.ByteSize() + _FRAMING
        goes_on = field == "parts" and current.parts and current.parts[-1].index == item.index
        if size and (size + item_size > max_bytes or goes_on):
            yield current
            current, size = state_pb2.JobState(), 0
        getattr(current, field).append(item)
        size += item_size
    yield current


class SnapshotJoin:
    """Puts slices together again.

    >>> join = SnapshotJoin()
    >>> for piece in slices(state_pb2.JobState(offset=7)): join.add(piece)
    >>> join.state.offset
    7
    """

    def __init__(self) -> None:
        self.state = state_pb2.JobState()

    def add(self, piece: state_pb2.JobState) -> None:
        """Add the next slice."""
        parts = self.state.parts
        first = piece.parts[0] if piece.parts else None
        if first is not None and parts and first.index == parts[-1].index:
            rest = state_pb2.JobState()
            rest.CopyFrom(piece)
            set_growing_text(parts[-1], growing_text(parts[-1]) + growing_text(rest.parts.pop(0)))
            self.state.MergeFrom(rest)
        else:
            self.state.MergeFrom(piece)


def _items(state: state_pb2.JobState, max_bytes: int) -> Iterator[tuple[str, Any]]:
    for field in _LISTS:
        for item in getattr(state, field):
            yield field, item
    for part in state.parts:
        for piece in _pieces(part, max_bytes):
            yield "parts", piece


def _pieces(part: content_pb2.ContentPart, max_bytes: int) -> Iterator[content_pb2.ContentPart]:
    """Yield a part whole, or its text in pieces of which each goes on from the one before."""
    text = growing_text(part).encode()
    if len(text) <= max_bytes:
        yield part
        return
    begin, first = 0, True
    max_bytes = max(max_bytes, 4)  # the longest character
    while begin < len(text):
        end = min(begin + max_bytes, len(text))
        while end < len(text) and text[end] & 0xC0 == 0x80:  # not in the middle of a character
            end -= 1
        piece = content_pb2.ContentPart(index=part.index)
        if first:
            piece.CopyFrom(part)
        else:
            getattr(piece, part.WhichOneof("kind") or "text").SetInParent()
        set_growing_text(piece, text[begin:end].decode())
        yield piece
        begin, first = end, False
