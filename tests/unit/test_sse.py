"""Server-sent events: however they are cut and whatever ends their lines, the same data comes out."""

from __future__ import annotations

import pytest

from streamsvc.producers.sse import SseDecoder

STREAM = ': busy\n\nevent: chunk\ndata: {"a":"é"}\nid: 1\n\ndata:{"b":1}\n\ndata: one\ndata: two\n\n'
EVENTS = ['{"a":"é"}'.encode(), b'{"b":1}', b"one\ntwo"]


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_any_line_end_and_any_cut_gives_the_same_events(newline: str, size: int) -> None:
    stream = STREAM.replace("\n", newline).encode()
    decoder = SseDecoder()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [event for piece in pieces for event in decoder.feed(piece)] == EVENTS


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_other_line_separators_are_text(separator: str) -> None:
    assert SseDecoder().feed(f"data: a{separator}b\n\n".encode()) == [f"a{separator}b".encode()]


def test_an_event_is_given_when_its_blank_line_comes() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\n") == [b"a"]


def test_a_byte_order_mark_is_skipped() -> None:
    assert SseDecoder().feed(b"\xef\xbb\xbfdata: a\n\n") == [b"a"]


def test_the_end_gives_an_event_without_its_blank_line() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.end() == [b"a"]


def test_the_end_gives_the_closing_word_without_its_line_end() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\n\ndata: [DONE]") == [b"a"]
    assert decoder.end() == [b"[DONE]"]


def test_the_end_drops_a_line_that_was_cut() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b'data: a\n\ndata: {"b"') == [b"a"]
    assert decoder.end() == []


@pytest.mark.parametrize("page", [b"<!doctype html>\n<html>", b'{"error": "no"}\n', b"\x00\x01garbage\n"])
def test_something_else_is_no_event_stream(page: bytes) -> None:
    with pytest.raises(ValueError, match="not an event stream"):
        SseDecoder().feed(page)


def test_a_page_of_one_line_is_no_event_stream() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"<html></html>") == []
    with pytest.raises(ValueError, match="not an event stream"):
        decoder.end()


def test_a_line_of_no_known_field_is_skipped_later() -> None:
    assert SseDecoder().feed(b"data: a\n\noops\nnew: b\ndata: c\n\n") == [b"a", b"c"]


@pytest.mark.parametrize("piece", [b"data: aaaaaaaa", b"data: aaaaaaaa\n"])
def test_an_event_without_end_is_refused(piece: bytes) -> None:
    decoder = SseDecoder(max_event_bytes=15)
    assert decoder.feed(piece) == []
    with pytest.raises(ValueError, match="larger than 15 bytes"):
        decoder.feed(piece)


def test_many_events_may_be_larger_than_one() -> None:
    decoder = SseDecoder(max_event_bytes=20)
    assert decoder.feed(b"data: aaaa\n\n" * 10) == [b"aaaa"] * 10
