"""Events as frames: the bytes that the log holds and that readers are sent, untouched.

A frame is one event as field 1 of `StreamJobResponse`: `0x0A len 0x08 varint(offset) ...`. Joined frames are one
valid `StreamJobResponse`, so no event is ever encoded twice (docs/adr/0001-frames.md). The bytes are frozen by
tests/golden.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from streamsvc.errors import LogCorrupt
from streamsvc.v1 import event_pb2, job_service_pb2, state_pb2

_FRAME_TAG = 0x0A
_OFFSET_TAG = 0x08

# The bytes of a varint, ready made: every frame has two of these numbers.
_LAST = [bytes((low,)) for low in range(0x80)]
_MORE = [bytes((low | 0x80,)) for low in range(0x80)]


def encode(events: Iterable[event_pb2.Event], after: int) -> bytes:
    """Return the joined frames of `events`, which get the offsets `after + 1`, `after + 2`, ...

    The events come without an offset and are not changed.
    """
    frames = []
    for offset, event in enumerate(events, after + 1):
        # The offset is written by hand: its place at the front must not depend on a serializer's order.
        body = b"\x08" + _varint(offset) + event.SerializeToString()
        frames.append(b"\x0a" + _varint(len(body)) + body)
    return b"".join(frames)


def decode(frames: bytes) -> Sequence[event_pb2.Event]:
    """Return the events of joined frames. Raises `LogCorrupt` if they are none."""
    try:
        return job_service_pb2.StreamJobResponse.FromString(frames).events
    except Exception as error:
        raise LogCorrupt("the stored events cannot be decoded") from error


def decode_state(data: bytes) -> state_pb2.JobState:
    """Return a state that is kept as bytes. Raises `LogCorrupt` if it is none."""
    try:
        return state_pb2.JobState.FromString(data)
    except Exception as error:
        raise LogCorrupt("the stored state cannot be decoded") from error


def spans(frames: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (offset, start, end) of each frame: its event's offset, and its place in `frames`.

    Raises `LogCorrupt` where the bytes are no frame.
    """
    start = 0
    while start < len(frames):
        if frames[start] != _FRAME_TAG:
            raise _corrupt("no frame begins", start)
        size, body = _read_varint(frames, start + 1)
        end = body + size
        if end > len(frames) or size < 2 or frames[body] != _OFFSET_TAG:
            raise _corrupt("a frame is broken", start)
        offset, rest = _read_varint(frames, body + 1)
        if rest > end:
            raise _corrupt("a frame is shorter than its offset", start)
        yield offset, start, end
        start = end


def after(frames: bytes, offset: int) -> bytes:
    """Return the frames of the events after `offset`."""
    for found, start, _ in spans(frames):
        if found > offset:
            return frames[start:]
    return b""


def head(*, epoch: str = "", last_offset: int = 0, closed: bool = False) -> bytes:
    """Return a response without events: a first message, a heartbeat, or what is joined to frames."""
    return job_service_pb2.StreamJobResponse(epoch=epoch, last_offset=last_offset, closed=closed).SerializeToString()


def snapshot(state: state_pb2.JobState, *, epoch: str) -> bytes:
    """Return a response that carries one slice of a snapshot. The last one names the epoch; the others go on."""
    response = job_service_pb2.StreamJobResponse(snapshot=state, epoch=epoch, snapshot_continues=not epoch)
    return response.SerializeToString()


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _LAST[value]
    return _MORE[value & 0x7F] + _varint(value >> 7)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise _corrupt("a number is cut off", position)


def _corrupt(what: str, position: int) -> LogCorrupt:
    return LogCorrupt(f"{what} at byte {position}", {"byte": str(position)})
