"""A terminal for tests: what stands on it and in its scrollback after a program has written to it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest

_COMMAND = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")


class Emulator(io.StringIO):
    """As much of a terminal as the command line uses: rows that scroll, a cursor, and four commands.

    Fails if the cursor is moved into the scrollback: what stands there can not be painted over. And if the whole screen
    is cleared with one command: tmux then keeps a copy of it in the scrollback.
    """

    def __init__(self, columns: int = 20, rows: int = 6) -> None:
        super().__init__()
        self.size = (columns, rows)
        self.lines = [""]
        self.row = self.column = 0
        self.written = ""

    def write(self, text: str) -> int:
        self.written += text
        at = 0
        while at < len(text):
            if found := _COMMAND.match(text, at):
                if not found[1]:
                    self._obey(found[2], found[3])
                at = found.end()
            else:
                self._put(text[at])
                at += 1
        return len(text)

    @property
    def shown(self) -> list[str]:
        """All lines, those in the scrollback first, to the last one with something on it."""
        return trimmed(self.lines)

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
            return
        if character == "\n" or self.column == self.size[0]:
            self.row += 1
            self.lines += [""] * (self.row + 1 - len(self.lines))
            # As the terminals' driver has it: a new line begins at its beginning.
            self.column = 0
        if character != "\n":
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    def _obey(self, given: str, command: str) -> None:
        if command == "A":
            self.row -= int(given or 1)
            assert self.row >= max(0, len(self.lines) - self.size[1]), "the cursor was moved into the scrollback"
        elif command in "JK":
            self.lines[self.row] = self.lines[self.row][: self.column]
            if command == "J":
                whole = self.column == 0 and self.row == max(0, len(self.lines) - self.size[1])
                assert not (whole and any(self.lines[self.row :])), "the whole screen was cleared"
                del self.lines[self.row + 1 :]
        else:
            assert command == "m", f"what is {command!r}?"


def trimmed(lines: Sequence[str]) -> list[str]:
    """Return lines without what nobody sees: spaces at their ends, empty lines after them."""
    seen = [line.rstrip() for line in lines]
    while seen and not seen[-1]:
        seen.pop()
    return seen


def test_text_is_written_over_and_cleared() -> None:
    terminal = Emulator()
    terminal.write("one\r\ntwo\r\nthree\x1b[2A\rO\x1b[K\r\n\x1b[31mT\x1b[0m\x1b[?25l")
    assert terminal.shown == ["O", "Two", "three"]
    terminal.write("\x1b[J")
    assert terminal.shown == ["O", "T"]


def test_a_screen_that_is_cleared_whole_would_be_kept() -> None:
    terminal = Emulator(rows=2)
    terminal.write("1\n2\n3\x1b[1A\r")
    with pytest.raises(AssertionError, match="the whole screen was cleared"):
        terminal.write("\x1b[J")


def test_a_line_that_is_too_long_goes_on_in_the_next_row() -> None:
    terminal = Emulator(columns=4)
    terminal.write("abcdefg")
    assert terminal.shown == ["abcd", "efg"]


def test_the_scrollback_is_out_of_reach() -> None:
    terminal = Emulator(rows=3)
    terminal.write("1\n2\n3\n4")
    with pytest.raises(AssertionError, match="scrollback"):
        terminal.write("\x1b[3A")
