"""The live view: a job's answer in a terminal while it is written, and once more as a whole when it is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from rich.console import RenderableType
from rich.text import Text

from streamsvc.cli import output
from streamsvc.cli.newest import newest
from streamsvc.cli.render import answer, question
from streamsvc.cli.screen import Screen
from streamsvc.cli.status import Pace, status_line
from streamsvc.client import JobStream
from streamsvc.v1 import event_pb2, state_pb2

FRAME_SECONDS = 1 / 12
"""The shortest time between two frames: never one an event."""
_SHARE = 5
"""Of so much time painting may take one part: a long answer is painted less often."""
_DELTAS = ("text_delta", "reasoning_delta", "tool_call_delta")
_CUT = "⋮ (the whole answer follows at the end)"


class LiveView:
    """Shows a stream that folds. While it runs, the newest part that fits; in the end, and if it is stopped, all."""

    def __init__(
        self,
        screen: Screen,
        *,
        with_question: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._screen = screen
        self._with_question = with_question
        self._clock = clock
        self._wall = wall
        self._pace = Pace()
        self._heard_at = clock()
        self._ending: output.Ending | None = None
        self._body: list[str] = []
        self._state = state_pb2.JobState()
        self._painted: object = None

    async def show(self, stream: JobStream) -> output.Ending | None:
        """Show the stream to its end, and return how the job ended."""
        reading = asyncio.create_task(self._read(stream))
        try:
            while not reading.done():
                began = self._clock()
                self._paint(stream)
                cost = self._clock() - began
                await asyncio.wait({reading}, timeout=max(FRAME_SECONDS, _SHARE * cost))
            await reading
            return self._ending
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            self._finish(stream)

    async def _read(self, stream: JobStream) -> None:
        async for item in stream:
            self._heard_at = self._clock()
            if isinstance(item, event_pb2.Event) and item.WhichOneof("payload") in _DELTAS:
                self._pace.add(self._heard_at)
            self._ending = output.ending_of(item) or self._ending

    def _paint(self, stream: JobStream) -> None:
        rows, columns = self._screen.height, self._screen.width
        if self._painted != (stream.cursor, rows, columns):
            self._painted = (stream.cursor, rows, columns)
            self._state = stream.state()
            self._body = self._newest_lines(self._state, columns, rows - 2)
        self._screen.paint([*self._body, "", *self._status_lines(stream.reconnects)[:1]])

    def _newest_lines(self, state: state_pb2.JobState, columns: int, rows: int) -> list[str]:
        cut = newest(state, columns, rows)
        lines = self._lines(state)
        if cut or len(lines) > rows:
            return [*self._screen.lines(Text(_CUT, style="dim")), *lines[len(lines) - rows + 1 :]]
        return lines

    def _finish(self, stream: JobStream) -> None:
        self._state = stream.state()
        if not self._state.offset:
            self._screen.clear()
            return
        lines = self._lines(self._state)
        self._screen.finish([*lines, *([""] if lines else []), *self._status_lines(stream.reconnects)])

    def _lines(self, state: state_pb2.JobState) -> list[str]:
        lines = self._screen.lines(answer(state))
        if self._with_question:
            lines = [*self._screen.lines(question(state)), "", *lines]
        return lines if any(lines) else []

    def _status_lines(self, reconnects: int) -> list[str]:
        now = self._clock()
        line: RenderableType = status_line(
            self._state,
            self._pace,
            now=now,
            time=self._wall(),
            reconnects=reconnects,
            quiet=now - self._heard_at,
        )
        return self._screen.lines(line)


def show_state(screen: Screen, state: state_pb2.JobState) -> None:
    """Show a state as it is, once."""
    screen.finish(screen.lines(answer(state)))
