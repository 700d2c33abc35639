"""What the command line prints of a job: its text as it comes, or its events as lines of JSON."""

from __future__ import annotations

import json
import sys
from typing import Protocol, TypeAlias

from google.protobuf import json_format
from google.protobuf.message import Message

from streamsvc.cli.errors import failure
from streamsvc.cli.terminal import printable, say
from streamsvc.client import JobStream
from streamsvc.v1 import event_pb2, job_pb2, state_pb2

Status: TypeAlias = job_pb2.JobStatus.ValueType

EXIT_CODES = {
    job_pb2.JOB_STATUS_COMPLETED: 0,
    job_pb2.JOB_STATUS_FAILED: 4,
    job_pb2.JOB_STATUS_CANCELLED: 5,
}
"""How a command ends that followed a job to its end. 1: the call failed. 2: the command was not understood."""


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

    async def show(self, stream: JobStream) -> Status | None:
        """Show the stream, and return the job's final status. Being cancelled is a way to end, too."""
        ...


class Lines:
    """Shows a stream as an `Output` does: item by item, as they come."""

    def __init__(self, show: Output) -> None:
        self._show = show

    async def show(self, stream: JobStream) -> Status | None:
        """See `View.show`."""
        status = None
        try:
            async for item in stream:
                if isinstance(item, state_pb2.JobState):
                    self._show.snapshot(item)
                else:
                    self._show.event(item)
                status = final_status(item) or status
        finally:
            self._show.leave()
        return status


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


def final_status(item: event_pb2.Event | state_pb2.JobState) -> Status | None:
    """Return the final status that an item of a stream tells of, None if it tells of none."""
    if isinstance(item, state_pb2.JobState):
        return item.job.status if item.job.status in EXIT_CODES else None
    kind = item.WhichOneof("payload")
    return {
        "job_completed": job_pb2.JOB_STATUS_COMPLETED,
        "job_failed": job_pb2.JOB_STATUS_FAILED,
        "job_cancelled": job_pb2.JOB_STATUS_CANCELLED,
    }.get(kind or "")


def answer_text(state: state_pb2.JobState) -> str:
    """Return the text parts of an answer as one text."""
    return "".join(part.text.text for part in state.parts if part.WhichOneof("kind") == "text")
