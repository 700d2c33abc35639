"""Cursors that a log can serve, and the bytes of a log beside a plain list of its events."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streamsvc import codec
from streamsvc.log import START, Cursor, EpochEnd, Frames, serves
from tests.support.strategies import delta

_CHAIN = (EpochEnd("a", 3), EpochEnd("b", 3), EpochEnd("c", 9))


@pytest.mark.parametrize(
    ("cursor", "served"),
    [
        (START, True),
        (Cursor("unknown", 0), True),
        (Cursor("d", 1), True),
        (Cursor("d", 1000), True),
        (Cursor("a", 3), True),
        (Cursor("a", 4), False),
        (Cursor("b", 3), True),
        (Cursor("b", 4), False),
        (Cursor("c", 9), True),
        (Cursor("c", 10), False),
        (Cursor("", 1), False),
        (Cursor("unknown", 1), False),
    ],
)
def test_a_cursor_is_good_in_the_present_epoch_or_up_to_the_end_of_its_own(cursor: Cursor, served: bool) -> None:
    assert serves(cursor, "d", _CHAIN) == served


@given(st.text("abc", max_size=1), st.integers(0, 5), st.lists(st.builds(EpochEnd, st.text("abc"), st.integers(0, 5))))
def test_only_the_beginning_is_good_in_a_log_that_does_not_know_the_epoch(
    epoch: str, offset: int, chain: list[EpochEnd]
) -> None:
    known = any(end.epoch == epoch and offset <= end.last for end in chain)
    assert serves(Cursor(epoch, offset), "present", tuple(chain)) == (offset == 0 or known)


class FramesBesideAList(RuleBasedStateMachine):
    """`Frames` must give what a list of single frames gives."""

    @initialize(base=st.sampled_from([0, 1, 127, 2**31 - 400]))
    def begin(self, base: int) -> None:
        self.frames = Frames(base)
        self.appends: list[tuple[int, list[bytes]]] = []  # (last offset, its frames)
        self.base = base

    @property
    def last(self) -> int:
        return self.appends[-1][0] if self.appends else self.base

    @rule(sizes=st.lists(st.integers(0, 140), min_size=1, max_size=5))
    def append(self, sizes: list[int]) -> None:
        last = self.last + len(sizes)
        single = [codec.encode([delta("text", 0, "x" * size)], self.last + n) for n, size in enumerate(sizes)]
        self.frames.append(b"".join(single), last)
        self.appends.append((last, single))

    @rule(place=st.floats(0, 1), max_bytes=st.integers(0, 900), times=st.integers(1, 2))
    def read(self, place: float, max_bytes: int, times: int) -> None:
        after = self.base + round(place * (self.last - self.base))
        for _ in range(times):
            found, last = self.frames.read(after, max_bytes)
            self.check_read(after, max_bytes, found, last)

    def check_read(self, after: int, max_bytes: int, found: bytes, last: int) -> None:
        held = {last - len(single) + n + 1: frame for last, single in self.appends for n, frame in enumerate(single)}
        assert found == b"".join(held[offset] for offset in range(after + 1, last + 1))
        if after == self.last:
            assert (found, last) == (b"", self.last)
            return
        first_end = next(end for end, _ in self.appends if end > after)
        assert last >= first_end
        assert len(found) <= max_bytes or last == first_end
        assert last in [end for end, _ in self.appends]

    @rule(max_bytes=st.integers(0, 900))
    def read_as_much_as_fits_from_the_oldest_on(self, max_bytes: int) -> None:
        _, last = self.frames.read(self.base, max_bytes)
        more = [single for end, single in self.appends if end <= last]
        following = [single for end, single in self.appends if end > last]
        if following:
            assert len(b"".join(b"".join(single) for single in [*more, following[0]])) > max_bytes

    @rule(size=st.integers(0, 1500))
    def trim_to_bytes(self, size: int) -> None:
        self.frames.trim_to_bytes(size)
        while self.bytes_held() > size:
            self.drop_oldest()

    @rule(place=st.floats(0, 1.2))
    def trim_to_offset(self, place: float) -> None:
        offset = self.base + round(place * (self.last - self.base))
        self.frames.trim_to_offset(offset)
        while self.appends and self.appends[0][0] <= offset:
            self.drop_oldest()

    def drop_oldest(self) -> None:
        self.base, _ = self.appends.pop(0)

    def bytes_held(self) -> int:
        return sum(len(frame) for _, single in self.appends for frame in single)

    @invariant()
    def knows_what_it_holds(self) -> None:
        if not hasattr(self, "frames"):
            return
        assert (self.frames.base, self.frames.last) == (self.base, self.last)
        assert len(self.frames) == self.bytes_held()


FramesBesideAList.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestFramesBesideAList = FramesBesideAList.TestCase


def _frames(*sizes: int) -> Frames:
    frames = Frames()
    for last, size in enumerate(sizes, 1):
        frames.append(codec.encode([delta("text", 0, "x" * size)], last - 1), last)
    return frames


def test_readers_at_the_same_place_share_one_copy() -> None:
    frames = _frames(10, 10)
    first, _ = frames.read(1, 1000)
    again, _ = frames.read(1, 1000)
    assert again is first


def test_a_shared_copy_is_never_stale() -> None:
    frames = _frames(10)
    assert frames.read(1, 1000) == (b"", 1)
    assert frames.read(0, 1000)[1] == 1
    frames.append(codec.encode([delta("text", 0, "b")], 1), 2)
    assert frames.read(0, 1000)[1] == 2
    assert frames.read(0, 1)[1] == 1
    frames.trim_to_offset(1)
    assert frames.read(1, 1)[0] == codec.encode([delta("text", 0, "b")], 1)


def test_an_append_that_is_too_large_is_given_whole() -> None:
    frames = _frames(10_000, 10)
    found, last = frames.read(0, 100)
    assert last == 1
    assert len(found) > 10_000


def test_a_long_log_costs_its_bytes_and_little_more() -> None:
    frames = Frames()
    one = b"\x0a\x02\x08\x01"
    for last in range(1, 100_001):
        frames.append(one, last)
        frames.trim_to_bytes(1000)
    assert len(frames) == 1000
    assert (frames.base, frames.last) == (99_750, 100_000)
