"""Painting over the same lines of a terminal: only what changed is written, so nothing flickers."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

Size = Callable[[], tuple[int, int]]

# Terminals that know it show the frame at once; the others ignore it.
_BEGIN, _END = "\x1b[?2026h\x1b[?25l", "\x1b[?25h\x1b[?2026l"
_UNKNOWN_SIZE = (80, 24)


def size_of(file: TextIO) -> tuple[int, int]:
    """Return the columns and rows of a terminal."""
    try:
        columns, rows = os.get_terminal_size(file.fileno())
    except OSError:
        return _UNKNOWN_SIZE
    return columns or _UNKNOWN_SIZE[0], rows or _UNKNOWN_SIZE[1]


class Screen:
    """A block of lines in a terminal, below what stands there already, that is painted again and again.

    The cursor rests at the end of the block. While it is no higher than the terminal it can be painted over; `finish`
    may write more than that, and what scrolls away stays in the scrollback.
    """

    def __init__(self, file: TextIO, size: Size | None = None) -> None:
        self._file = file
        self._size = size or (lambda: size_of(file))
        self._shown: Sequence[str] = ()
        self._painted_at = self._size()
        self._console = self._console_of(self.width)

    @property
    def width(self) -> int:
        """How many columns a line may have: one less than there are, for a full line would move the cursor on."""
        return max(self._size()[0] - 1, 20)

    @property
    def height(self) -> int:
        """How many rows there are."""
        return max(self._size()[1], 4)

    def lines(self, renderable: RenderableType) -> list[str]:
        """Return what `renderable` looks like, line by line, with the terminal's own commands for its styles."""
        if self._console.width != self.width:
            self._console = self._console_of(self.width)
        with self._console.capture() as captured:
            self._console.print(renderable, crop=False)
        return [line.rstrip(" ") for line in captured.get().removesuffix("\n").split("\n")]

    def paint(self, lines: Sequence[str]) -> None:
        """Put `lines` in the place of those that were painted last."""
        back = self._back_to(lines)
        if back is None:
            return
        commands, same = back
        left_over = max(0, len(self._shown) - len(lines))
        below = "\r\n\x1b[K" * left_over + _up(left_over)
        self._write(commands + "\r\n".join(f"{line}\x1b[K" for line in lines[same:]) + below)
        self._shown = tuple(lines)

    def finish(self, lines: Sequence[str]) -> None:
        """Put `lines` there for good, and the cursor below them. They may be wider than the terminal, too."""
        if not lines:
            self.clear()
            return
        commands, same = self._back_to(lines) or ("\r", len(lines) - 1)
        # Cleared first: in a line that fills the row the command to clear its rest would take the last character.
        self._write(commands + _clear_rows(len(self._shown) - same) + "\r\n".join(lines[same:]) + "\r\n")
        self._shown = ()

    def clear(self) -> None:
        """Take the block away."""
        rows = len(self._shown)
        self._write(_up(rows - 1) + "\r" + _clear_rows(rows))
        self._shown = ()

    def _back_to(self, lines: Sequence[str]) -> tuple[str, int] | None:
        """Return the commands that lead to the first line that is new, and its number. None if all is as it was."""
        cleared = self._cleared()
        if not self._shown:
            return cleared, 0
        pairs = enumerate(zip(lines, self._shown, strict=False))
        same = next((number for number, (new, old) in pairs if new != old), min(len(lines), len(self._shown)))
        if same == len(lines) == len(self._shown):
            return None
        if same == len(self._shown):
            return "\r\n", same
        # What only became shorter is painted from its last line on, to clear what stands below.
        same = max(0, min(same, len(lines) - 1))
        back = len(self._shown) - 1 - same
        return f"{_up(back)}\r", same

    def _cleared(self) -> str:
        """After a change of size, return the commands that clear the block: the terminal has broken its lines anew."""
        before, self._painted_at = self._painted_at, self._size()
        if before == self._painted_at or not self._shown:
            return ""
        columns = self._painted_at[0]
        rows = sum(max(1, -(-cell_len(Text.from_ansi(line).plain) // columns)) for line in self._shown)
        self._shown = ()
        rows = min(rows, self.height)
        return f"{_up(rows - 1)}\r{_clear_rows(rows)}"

    def _write(self, text: str) -> None:
        self._file.write(f"{_BEGIN}{text}{_END}")
        self._file.flush()

    def _console_of(self, width: int) -> Console:
        seen = Console(file=self._file)  # knows the terminal's colours, and NO_COLOR
        return Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system=seen.color_system,  # type: ignore[arg-type]
            no_color=seen.no_color,
            width=width,
            height=10_000,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows > 0 else ""


def _clear_rows(rows: int) -> str:
    """Return the commands that clear so many rows and lead back to the first one.

    Not the one command that clears all below: where it clears the whole screen, terminals such as tmux take that for
    the end of a page and keep a copy of it in the scrollback.
    """
    return "\r\n".join(["\x1b[K"] * rows) + _up(rows - 1)
