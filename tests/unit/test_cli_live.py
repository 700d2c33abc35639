"""The live view: few frames, the newest part while it runs, everything in the end and when it is left."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import cast

import pytest

from streamsvc.cli.live import LiveView, show_state
from streamsvc.cli.output import Ending
from streamsvc.cli.screen import Screen
from streamsvc.client import Cursor, JobStream
from streamsvc.errors import JobNotFound
from streamsvc.fold import Fold
from streamsvc.v1 import event_pb2, job_pb2, state_pb2
from tests.support.events import part_started, pending_job, text

Event = event_pb2.Event
STYLE = re.compile(r"\x1b\[[0-9;]*m")
COMPLETED = Event(job_completed=event_pb2.JobCompleted(finish_reason=job_pb2.FINISH_REASON_STOP))


def created(prompt: str = "") -> Event:
    event = Event(job_created=event_pb2.JobCreated(job=pending_job()))
    event.create_time.seconds = 1_790_000_000
    if prompt:
        event.job_created.input.add().parts.add().text.text = prompt
    return event


class Told:
    """A stream that hands out events, and then waits for ever unless it has ended. `told` is set when all are out."""

    reconnects = 2

    def __init__(self, *events: Event, ends: bool = True, error: Exception | None = None) -> None:
        self._events = events
        self._ends = ends
        self._error = error
        self._fold = Fold()
        self.cursor = Cursor("e", 0)
        self.told = asyncio.Event()

    def state(self) -> state_pb2.JobState:
        return self._fold.state()

    async def __aiter__(self) -> AsyncIterator[Event]:
        for offset, event in enumerate(self._events, 1):
            event.offset = offset
            self._fold.apply([event])
            self.cursor = Cursor("e", offset)
            yield event
        self.told.set()
        if self._error:
            raise self._error
        if not self._ends:
            await asyncio.Event().wait()


class Frames(Screen):
    """A screen that keeps what was painted."""

    def __init__(self, columns: int = 60, rows: int = 12) -> None:
        super().__init__(io.StringIO(), lambda: (columns, rows))
        self.painted: list[list[str]] = []
        self.finished: list[str] | None = None
        self.cleared = False
        self.at_least = asyncio.Event()

    def paint(self, lines: Sequence[str]) -> None:
        self.painted.append([STYLE.sub("", line) for line in lines])
        self.at_least.set()

    def finish(self, lines: Sequence[str]) -> None:
        self.finished = [STYLE.sub("", line) for line in lines]

    def clear(self) -> None:
        self.cleared = True


async def show(screen: Frames, stream: Told, *, with_question: bool = False) -> Ending | None:
    return await LiveView(screen, with_question=with_question).show(cast(JobStream, stream))


async def test_it_is_painted_by_time_and_never_by_event() -> None:
    screen = Frames()
    ending = await show(screen, Told(created(), part_started(), *(text(f"{n} ") for n in range(5000)), COMPLETED))
    assert ending is Ending.COMPLETED
    assert len(screen.painted) < 10


async def test_in_the_end_all_is_there_with_the_status_below() -> None:
    screen = Frames(columns=100)
    await show(screen, Told(created(), part_started(), *(text(f"line {n}\n\n") for n in range(100)), COMPLETED))
    assert screen.finished is not None
    assert screen.finished[::2][:100] == [f"line {n}" for n in range(100)]
    assert screen.finished[-1].startswith("✓ completed (stop) · ")
    assert screen.finished[-1].endswith(" · offset 103 · 0.0 s · 2 reconnects")


async def left(screen: Frames, stream: Told) -> None:
    """Show a stream that does not end, and leave when it was painted with all events in it."""
    showing = asyncio.create_task(show(screen, stream))
    async with asyncio.timeout(20):
        await stream.told.wait()
        screen.at_least.clear()
        await screen.at_least.wait()
    showing.cancel()
    with suppress(asyncio.CancelledError):
        await showing


async def test_while_it_runs_the_newest_part_is_shown_that_fits() -> None:
    screen = Frames(rows=12)
    await left(screen, Told(created(), part_started(), *(text(f"line {n}\n\n") for n in range(100)), ends=False))
    newest = screen.painted[-1]
    assert len(newest) == 12
    assert newest[0].startswith("⋮")
    assert newest[-3] == "line 99"
    assert "running" not in newest[-1]
    assert all(len(frame) <= 12 for frame in screen.painted)


async def test_whoever_leaves_keeps_all_that_was_said() -> None:
    screen = Frames(rows=12)
    await left(screen, Told(created(), part_started(), *(text(f"line {n}\n\n") for n in range(100)), ends=False))
    assert screen.finished is not None
    assert screen.finished[0] == "line 0"
    assert "line 99" in screen.finished


async def test_an_error_is_raised_after_what_was_said_was_shown() -> None:
    screen = Frames()
    with pytest.raises(JobNotFound):
        await show(screen, Told(created(), part_started(), text("half"), error=JobNotFound.of("0" * 32)))
    assert screen.finished is not None
    assert screen.finished[0] == "half"


async def test_a_job_of_which_nothing_came_leaves_nothing() -> None:
    screen = Frames()
    with pytest.raises(JobNotFound):
        await show(screen, Told(error=JobNotFound.of("0" * 32)))
    assert screen.cleared
    assert screen.finished is None


async def test_whoever_comes_later_sees_the_question() -> None:
    screen = Frames()
    await show(screen, Told(created("Why?"), part_started(), text("So."), COMPLETED), with_question=True)
    assert screen.finished is not None
    assert screen.finished[:3] == ["> Why?", "", "So."]


def test_a_state_is_shown_once_without_a_status() -> None:
    fold = Fold()
    for offset, event in enumerate((created(), part_started(), text("So.")), 1):
        event.offset = offset
        fold.apply([event])
    screen = Frames()
    show_state(screen, fold.state())
    assert screen.finished == ["So."]
