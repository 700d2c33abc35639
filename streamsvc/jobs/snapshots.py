"""A snapshot as the messages that carry it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from streamsvc import codec
from streamsvc.slices import SLICE_BYTES, slices
from streamsvc.v1 import state_pb2


async def messages_of(state: state_pb2.JobState) -> Sequence[bytes]:
    """Return `state` as responses: one, or slices of it if it is large."""
    # To ask a message for its size is to encode it: most states fit into one slice, and are encoded once.
    whole = codec.snapshot(state, epoch=state.job.epoch)
    return [whole] if len(whole) <= SLICE_BYTES else await _in_slices(state)


async def _in_slices(state: state_pb2.JobState) -> Sequence[bytes]:
    """Return the messages of a large snapshot, and let others have their turn meanwhile."""
    messages: list[bytes] = []
    pieces = slices(state)
    piece = next(pieces)
    for following in pieces:
        messages.append(codec.snapshot(piece, epoch=""))
        piece = following
        await asyncio.sleep(0)
    # The epoch goes with the last slice: until the state is whole, the reader keeps its old cursor.
    return *messages, codec.snapshot(piece, epoch=state.job.epoch)
