"""Frames: protobuf's own bytes, cut and joined without being read, and never misread when they are broken."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamsvc import codec
from streamsvc.errors import LogCorrupt
from streamsvc.v1 import event_pb2, job_pb2, job_service_pb2, state_pb2
from tests.support.strategies import delta, histories, unknown_event, without_offsets
from tests.support.values import unknown_field

Event = event_pb2.Event
Response = job_service_pb2.StreamJobResponse

OFFSETS = st.sampled_from([0, 1, 126, 127, 128, 2**14 - 2, 2**14 - 1, 2**21, 2**28 - 1, 2**31 - 2])
SMALL = histories(chapters=4)


def _frames(events: list[Event], after: int = 0) -> bytes:
    return codec.encode(without_offsets(events), after)


def _placed(events: list[Event], after: int) -> list[Event]:
    """Return the first of `events` that have a place after `after`, under their offsets there."""
    placed = without_offsets(events)[: 2**31 - 1 - after]
    for offset, event in enumerate(placed, after + 1):
        event.offset = offset
    return placed


def _ends(frames: bytes) -> list[int]:
    return [end for _, _, end in codec.spans(frames)]


# A map of several entries may be written in any order, so bytes are compared with one entry only.
@given(histories(map_entries=1), OFFSETS)
def test_frames_are_what_protobuf_writes_for_a_response_with_these_events(events: list[Event], after: int) -> None:
    placed = _placed(events, after)
    assert _frames(placed, after) == Response(events=placed).SerializeToString()


@given(histories(map_entries=1))
def test_frames_of_an_append_are_the_frames_of_its_events_joined(events: list[Event]) -> None:
    assert _frames(events) == b"".join(_frames([event], event.offset - 1) for event in events)


@pytest.mark.parametrize("size", [0, 1, 100, 117, 118, 119, 127, 128, 16_000, 16_383, 16_384, 3_000_000])
def test_a_frame_of_any_size_is_what_protobuf_writes(size: int) -> None:
    event = delta("text", 0, "x" * size)
    expected = Event(offset=1)
    expected.MergeFrom(event)
    assert codec.encode([event], 0) == Response(events=[expected]).SerializeToString()


@given(histories())
def test_joined_frames_are_one_response_with_the_same_events(events: list[Event]) -> None:
    frames = _frames(events)
    assert list(codec.decode(frames)) == events
    head = codec.head(epoch="e", last_offset=7, closed=True)
    response = Response.FromString(frames + head)
    assert list(response.events) == events
    assert (response.epoch, response.last_offset, response.closed) == ("e", 7, True)


@given(histories(map_entries=1), OFFSETS)
def test_after_an_offset_is_the_encoding_of_the_rest(events: list[Event], before: int) -> None:
    events = _placed(events, before)
    frames = _frames(events, before)
    assert codec.after(frames, before) == frames
    for place in range(len(events) + 1):
        assert codec.after(frames, before + place) == _frames(events[place:], before + place)


@given(histories())
def test_spans_cover_the_frames_and_tell_each_offset(events: list[Event]) -> None:
    frames = _frames(events)
    position = 0
    for event, (offset, start, end) in zip(events, codec.spans(frames), strict=True):
        assert (offset, start) == (event.offset, position)
        assert list(codec.decode(frames[start:end])) == [event]
        position = end
    assert position == len(frames)


@given(histories())
def test_encoding_does_not_change_the_events(events: list[Event]) -> None:
    bare = without_offsets(events)
    before = without_offsets(events)
    codec.encode(bare, 41)
    assert bare == before


def test_fields_of_later_versions_survive() -> None:
    known = delta("text", 0, "a")
    known.MergeFromString(unknown_field(1000, b"of a later version"))
    for event in (known, unknown_event(200, b"payload")):
        (decoded,) = codec.decode(codec.encode([event], 0))
        decoded.ClearField("offset")
        assert decoded.SerializeToString() == event.SerializeToString()


def test_nothing_is_no_frames() -> None:
    assert codec.encode([], 7) == b""
    assert list(codec.decode(b"")) == []
    assert list(codec.spans(b"")) == []
    assert codec.after(b"", 0) == b""


def test_an_empty_head_has_no_bytes_and_says_nothing() -> None:
    assert codec.head() == b""


def test_slices_of_a_snapshot_go_on_until_one_names_the_epoch() -> None:
    state = state_pb2.JobState(offset=3, job=job_pb2.Job(id="j"))
    begun, last = codec.snapshot(state, epoch=""), codec.snapshot(state, epoch="e")
    assert begun == Response(snapshot=state, snapshot_continues=True).SerializeToString()
    assert last == Response(snapshot=state, epoch="e").SerializeToString()
    frames = codec.encode([delta("text", 0, "a")], 3)
    assert Response.FromString(last + frames).events[0].offset == 4


@given(SMALL)
def test_bytes_cut_off_anywhere_are_corrupt_or_whole_frames(events: list[Event]) -> None:
    frames = _frames(events)[:600]
    ends = [0, *(end for end in _ends(_frames(events)) if end <= len(frames))]
    for size in range(len(frames) + 1):
        cut = frames[:size]
        if size in ends:
            assert [event.offset for event in codec.decode(cut)] == [offset for offset, _, _ in codec.spans(cut)]
            continue
        for read in (codec.decode, _ends, lambda broken: codec.after(broken, 2**31)):
            with pytest.raises(LogCorrupt):
                read(cut)


@given(SMALL, st.data())
def test_a_flipped_tag_is_corrupt(events: list[Event], data: st.DataObject) -> None:
    frames = _frames(events)
    start = data.draw(st.sampled_from([start for _, start, _ in codec.spans(frames)]))
    flipped = bytearray(frames)
    flipped[start] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(LogCorrupt):
        _ends(bytes(flipped))


@given(SMALL, st.data())
def test_a_flipped_bit_is_never_worse_than_corrupt(events: list[Event], data: st.DataObject) -> None:
    frames = bytearray(_frames(events))
    place = data.draw(st.integers(0, len(frames) - 1))
    frames[place] ^= 1 << data.draw(st.integers(0, 7))
    _assert_read_or_corrupt(bytes(frames))


@given(st.binary(max_size=64) | st.lists(st.sampled_from([0x0A, 0x08, 2, 4, 0x80, 0xFF])).map(bytes))
@example(b"\x0a\x02\x08\x80\x0a\x02\x08\x02")
@example(b"\x0a" + b"\xff" * 12)
@example(b"\x0a\x0d\x08" + b"\xff" * 11 + b"\x01")
@example(b"\x0a\x0b\x08" + b"\xff" * 9 + b"\x7f")
def test_bytes_that_are_no_frames_are_never_worse_than_corrupt(noise: bytes) -> None:
    _assert_read_or_corrupt(noise)


BROKEN = {
    "an offset that runs over the end of its frame": b"\x0a\x02\x08\x80\x0a\x02\x08\x02",
    "a frame that does not begin with its offset": b"\x0a\x02\x10\x01",
    "a frame without an offset": b"\x0a\x00",
    "an offset of eleven bytes": b"\x0a\x0c\x08" + b"\x80" * 10 + b"\x01",
    "a size of eleven bytes": b"\x0a\x82" + b"\x80" * 9 + b"\x00\x08\x01",
    "a head": codec.head(epoch="e", last_offset=1),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_is_no_frame_is_corrupt(broken: bytes) -> None:
    with pytest.raises(LogCorrupt):
        _ends(broken)
    with pytest.raises(LogCorrupt):
        codec.after(_frames([delta("text", 0, "a")]) + broken, 1 << 31)


def test_a_state_is_what_was_kept_or_corrupt() -> None:
    kept = codec.snapshot(state_pb2.JobState(offset=7), epoch="")
    assert codec.decode_state(state_pb2.JobState(offset=7).SerializeToString()).offset == 7
    with pytest.raises(LogCorrupt):
        codec.decode_state(kept[:-1] + b"\xff")


def _assert_read_or_corrupt(data: bytes) -> None:
    try:
        expected = Response.FromString(data).events
    except Exception:
        with pytest.raises(LogCorrupt):
            codec.decode(data)
    else:
        assert list(codec.decode(data)) == list(expected)
    try:
        spans = list(codec.spans(data))
    except LogCorrupt:
        return
    assert [start for _, start, _ in spans] == [0, *(end for _, _, end in spans)][: len(spans)]
    assert sum(end - start for _, start, end in spans) == len(data)
