"""Painting over lines of a terminal: what stands there in the end, and how little is written for it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from streamsvc.cli.screen import Screen
from tests.unit.test_cli_emulator import Emulator, trimmed


@pytest.fixture
def terminal() -> Emulator:
    return Emulator()


@pytest.fixture
def screen(terminal: Emulator) -> Screen:
    return Screen(terminal, lambda: terminal.size)


LINES = st.lists(st.sampled_from(["", "a", "bb", "a long line of it"]), min_size=1, max_size=6)


@given(st.lists(LINES, min_size=1, max_size=8), LINES)
def test_what_stands_there_is_always_what_was_painted_last(frames: list[list[str]], last: list[str]) -> None:
    terminal = Emulator()
    screen = Screen(terminal, lambda: terminal.size)
    for frame in frames:
        screen.paint(frame)
        assert terminal.shown == trimmed(frame)
        assert terminal.row == len(frame) - 1
    screen.finish(last)
    assert terminal.shown == trimmed(last)
    assert (terminal.row, terminal.column) == (len(last), 0)


def test_only_lines_that_changed_are_written(screen: Screen, terminal: Emulator) -> None:
    screen.paint(["first", "second", "third"])
    terminal.written = ""
    screen.paint(["first", "second", "3rd"])
    assert "first" not in terminal.written
    assert "second" not in terminal.written
    assert "3rd" in terminal.written


def test_nothing_is_written_when_nothing_changed(screen: Screen, terminal: Emulator) -> None:
    screen.paint(["a", "b"])
    terminal.written = ""
    screen.paint(["a", "b"])
    assert terminal.written == ""


def test_a_line_is_never_cleared_before_it_is_written_again(screen: Screen, terminal: Emulator) -> None:
    screen.paint(["a", "b"])
    terminal.written = ""
    screen.paint(["x", "y"])
    assert terminal.written.index("x") < terminal.written.index("\x1b[K")


def test_the_end_may_be_longer_than_the_terminal(screen: Screen, terminal: Emulator) -> None:
    screen.paint(["newest", "", "status"])
    whole: Sequence[str] = [f"line {number}" for number in range(40)]
    screen.finish(whole)
    assert terminal.shown == whole


def test_a_block_as_high_as_the_terminal_leaves_no_copy_of_itself(screen: Screen, terminal: Emulator) -> None:
    terminal.write("before\r\n")
    screen.paint([f"frame {number}" for number in range(6)])
    screen.finish(["whole"])
    assert terminal.shown == ["before", "whole"]


def test_what_is_cleared_leaves_nothing(screen: Screen, terminal: Emulator) -> None:
    terminal.write("before\r\n")
    screen.paint(["a", "b"])
    screen.clear()
    assert terminal.shown == ["before"]
    assert (terminal.row, terminal.column) == (1, 0)


def test_after_a_change_of_size_all_is_painted_anew(screen: Screen, terminal: Emulator) -> None:
    screen.paint(["sixteen letters.", "b"])
    # The terminal has broken the first line in two.
    terminal.size = (10, 6)
    terminal.lines, terminal.row = ["sixteen le", "tters.", "b"], 2
    screen.paint(["sixteen", "letters.", "b"])
    assert terminal.shown == ["sixteen", "letters.", "b"]


def test_lines_are_a_column_narrower_than_the_terminal(screen: Screen) -> None:
    lines = screen.lines(Text("x" * 50))
    assert max(map(len, lines)) == screen.width == 20


def test_lines_carry_no_spaces_at_their_end(screen: Screen) -> None:
    assert screen.lines(Text("a   \nb")) == ["a", "b"]
