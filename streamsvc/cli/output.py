"""What the command line prints of a job: its text as it comes, or its events as lines of JSON."""

from __future__ import annotations

import json
import sys
from typing import Protocol

from google.protobuf import json_format

from streamsvc.v1 import event_pb2, job_pb2, state_pb2

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


class Text:
    """The answer as it comes, on standard output; what else happens, on standard error."""

    def __init__(self) -> None:
        self._column = False

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
                error = event.job_failed.error
                self._say(f"failed: {error.reason}: {error.message}")
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
            self._say(f"failed: {state.job.error.reason}: {state.job.error.message}")

    def _write(self, text: str) -> None:
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            self._column = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._column:
            self._write("\n")

    def _say(self, text: str) -> None:
        self._end_line()
        sys.stderr.write(f"streamsvc: {text}\n")


class JsonLines:
    """A line of JSON for each event, and for each state: `{"event": ...}` or `{"snapshot": ...}`."""

    def event(self, event: event_pb2.Event) -> None:
        """See `Output.event`."""
        self._line({"event": json_format.MessageToDict(event)})

    def snapshot(self, state: state_pb2.JobState) -> None:
        """See `Output.snapshot`."""
        self._line({"snapshot": json_format.MessageToDict(state)})

    def _line(self, value: object) -> None:
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def final_status(item: event_pb2.Event | state_pb2.JobState) -> job_pb2.JobStatus.ValueType | None:
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
