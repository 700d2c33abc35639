"""What the command line prints of a job: its text as it comes, or its events as lines of JSON."""

from __future__ import annotations

import json
import sys
from enum import Enum
from typing import Protocol

from google.protobuf import json_format
from google.protobuf.message import Message

from streamsvc.cli.errors import failure
from streamsvc.cli.terminal import one_line, printable, say
from streamsvc.client import JobStream
from streamsvc.v1 import event_pb2, job_pb2, state_pb2


class Ending(Enum):
    """How a job ended, as the exit code of a command that followed it. 1: the call failed. 2: it was not understood."""

    COMPLETED = 0
    WAITS = 3  # for people
    FAILED = 4
    CANCELLED = 5


class Output(Protocol):
    """Shows a stream."""

    def event(self, event: event_pb2.Event) -> None:
        """Show an event."""
        ...

    def snapshot(self, state: state_pb2.JobState) -> None:
        """Show a state that replaces what was shown."""
        ...

    def leave(self) -> None:
        """Take note that nobody follows any more."""
        ...


class View(Protocol):
    """Shows a stream to its end."""

    async def show(self, stream: JobStream) -> Ending | None:
        """Show the stream, and return how the job ended. Being cancelled is a way to end, too."""
        ...


class Lines:
    """Shows a stream as an `Output` does: item by item, as they come."""

    def __init__(self, show: Output) -> None:
        self._show = show

    async def show(self, stream: JobStream) -> Ending | None:
        """See `View.show`."""
        ending = None
        try:
            async for item in stream:
                if isinstance(item, state_pb2.JobState):
                    self._show.snapshot(item)
                else:
                    self._show.event(item)
                ending = ending_of(item) or ending
        finally:
            self._show.leave()
        return ending


class Text:
    """The answer as it comes, on standard output; what else happens, on standard error."""

    def __init__(self) -> None:
        self._column = False
        self._terminal = sys.stdout.isatty()

    def event(self, event: event_pb2.Event) -> None:
        """See `Output.event`."""
        match event.WhichOneof("payload"):
            case "text_delta":
                self._write(event.text_delta.text)
            case "part_started":
                self._write(event.part_started.part.text.text)
            case "job_resumed":
                again = ", from the beginning" if event.job_resumed.restarted else ""
                self._say(f"another producer goes on{again}")
            case "input_requested":
                asked = event.input_requested.input_request
                self._say(f"asks: {one_line(asked.message or asked.type)}")
            case "job_failed":
                self._say(f"failed: {failure(event.job_failed.error)}")
            case "job_cancelled":
                reason = event.job_cancelled.reason
                self._say(f"cancelled: {reason}" if reason else "cancelled")
            case "job_completed":
                self._end_line()

    def snapshot(self, state: state_pb2.JobState) -> None:
        """See `Output.snapshot`."""
        self._end_line()
        for part in state.parts:
            self._write(part.text.text)
        if state.job.HasField("error"):
            self._say(f"failed: {failure(state.job.error)}")

    def leave(self) -> None:
        """See `Output.leave`."""
        # What goes into a file or a pipe is the answer, as far as it came, and nothing else.
        if self._terminal:
            self._end_line()

    def _write(self, text: str) -> None:
        text = printable(text) if self._terminal else text
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            self._column = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._column:
            self._write("\n")

    def _say(self, text: str) -> None:
        self._end_line()
        say(text)


class JsonLines:
    """A line of JSON for each event, and for each state: `{"event": ...}` or `{"snapshot": ...}`."""

    def event(self, event: event_pb2.Event) -> None:
        """See `Output.event`."""
        write_json({"event": json_format.MessageToDict(event)})

    def snapshot(self, state: state_pb2.JobState) -> None:
        """See `Output.snapshot`."""
        write_json({"snapshot": json_format.MessageToDict(state)})

    def leave(self) -> None:
        """See `Output.leave`: each line is whole."""


def write_json(value: object) -> None:
    """Write a line of JSON: a message, or what `json` takes."""
    plain = json_format.MessageToDict(value) if isinstance(value, Message) else value
    sys.stdout.write(json.dumps(plain, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def ending_of(item: event_pb2.Event | state_pb2.JobState) -> Ending | None:
    """Return the ending that an item of a stream tells of, None if it tells of none."""
    if isinstance(item, state_pb2.JobState):
        return ending_of_job(item.job)
    match item.WhichOneof("payload"):
        case "job_completed":
            return _completed(item.job_completed.finish_reason)
        case "job_failed":
            return Ending.FAILED
        case "job_cancelled":
            return Ending.CANCELLED
    return None


def ending_of_job(job: job_pb2.Job) -> Ending | None:
    """Return how a job has ended, None if it has not."""
    if job.status == job_pb2.JOB_STATUS_COMPLETED:
        return _completed(job.finish_reason)
    return {job_pb2.JOB_STATUS_FAILED: Ending.FAILED, job_pb2.JOB_STATUS_CANCELLED: Ending.CANCELLED}.get(job.status)


def _completed(reason: int) -> Ending:
    return Ending.WAITS if reason == job_pb2.FINISH_REASON_INPUT_REQUIRED else Ending.COMPLETED


def answer_text(state: state_pb2.JobState) -> str:
    """Return the text parts of an answer as one text."""
    return "".join(part.text.text for part in state.parts if part.WhichOneof("kind") == "text")
