"""What is printed of a stream that goes into a file or a pipe, and what to a terminal without a live view."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from streamsvc.cli.output import Ending, JsonLines, Lines, Output, Text, answer_text, ending_of
from streamsvc.cli.terminal import on_terminal, one_line, printable
from streamsvc.client import JobStream
from streamsvc.v1 import event_pb2, job_pb2, state_pb2
from tests.support.events import part_started, text
from tests.support.folding import folded, numbered

Event = event_pb2.Event
COMPLETED = Event(job_completed=event_pb2.JobCompleted())


class Told:
    """A stream that hands out what it was given."""

    def __init__(self, *items: Event | state_pb2.JobState) -> None:
        self._items = items

    async def __aiter__(self) -> AsyncIterator[Event | state_pb2.JobState]:
        for item in self._items:
            yield item


async def show(output: Output, *items: Event | state_pb2.JobState) -> Ending | None:
    return await Lines(output).show(cast(JobStream, Told(*items)))


def failed(**error: Any) -> Event:
    return Event(job_failed=event_pb2.JobFailed(error=job_pb2.JobError(**error)))


async def test_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    ending = await show(Text(), part_started(), text("some **bold"), text("** words"), COMPLETED)
    assert ending is Ending.COMPLETED
    assert capsys.readouterr() == ("some **bold** words\n", "")


async def test_what_goes_into_a_pipe_keeps_every_byte(capsys: pytest.CaptureFixture[str]) -> None:
    await show(Text(), part_started(), text("a\x1b[31mb\r\n"), COMPLETED)
    assert capsys.readouterr().out == "a\x1b[31mb\r\n"


async def test_what_goes_to_a_terminal_commands_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    await show(Text(), part_started(), text("a\x1b[31mb\r\n"), COMPLETED)
    assert capsys.readouterr().out == "a\ufffd[31mb\n"


async def test_of_a_stream_that_is_left_a_pipe_gets_only_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert await show(Text(), part_started(), text("half an")) is None
    assert capsys.readouterr().out == "half an"


async def test_a_failure_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    ending = await show(Text(), part_started(), text("half an"), failed(reason="UPSTREAM_TIMEOUT", message="too late"))
    assert ending is Ending.FAILED
    assert capsys.readouterr() == ("half an\n", "streamsvc: failed: UPSTREAM_TIMEOUT: too late\n")


async def test_a_takeover_and_a_cancellation_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    resumed = Event(job_resumed=event_pb2.JobResumed(attempt=2, restarted=True))
    cancelled = Event(job_cancelled=event_pb2.JobCancelled(reason="enough"))
    assert await show(Text(), resumed, cancelled) is Ending.CANCELLED
    told = "streamsvc: another producer goes on, from the beginning\nstreamsvc: cancelled: enough\n"
    assert capsys.readouterr().err == told


async def test_a_snapshot_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    state = folded(numbered(part_started(), text("all of it"), failed(reason="PRODUCER_LOST", message="gone")))
    assert await show(Text(), state) is Ending.FAILED
    assert capsys.readouterr() == ("all of it\n", "streamsvc: failed: PRODUCER_LOST: gone\n")


async def test_json_is_a_line_an_event_and_a_line_a_snapshot(capsys: pytest.CaptureFixture[str]) -> None:
    state = folded(numbered(part_started(), text("ü")))
    await show(JsonLines(), state, *numbered(text("!"), COMPLETED, after=2))
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["snapshot"]["parts"][0]["text"]["text"] == "ü"
    assert second == {"event": {"offset": 3, "textDelta": {"text": "!"}}}
    assert third["event"]["jobCompleted"] == {}


def test_a_delta_tells_of_no_status() -> None:
    assert ending_of(text("x")) is None
    assert ending_of(state_pb2.JobState(job=job_pb2.Job(status=job_pb2.JOB_STATUS_RUNNING))) is None


def test_the_answer_is_its_text_without_reasoning() -> None:
    state = folded(numbered(part_started(), text("so")))
    state.parts.add().reasoning.text = "hm"
    assert answer_text(state) == "so"


def test_only_breaks_and_tabs_survive_in_a_terminal() -> None:
    assert printable("a\tb\nc\x00\x7f\u009b") == "a\tb\nc\ufffd\ufffd\ufffd"


def test_one_line_is_one_line() -> None:
    assert one_line(" a\n b\t c ") == "a b c"
    assert one_line("x" * 1000, 10) == "x" * 9 + "…"


@pytest.mark.parametrize("term", ["", "dumb", "unknown"])
def test_a_terminal_that_moves_no_cursor_gets_no_live_view(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert on_terminal()
    monkeypatch.setenv("TERM", term)
    assert not on_terminal()
