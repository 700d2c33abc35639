"""The line below an answer: where the job stands, how fast it goes, how long it took."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from rich.text import Text

from streamsvc.v1 import job_pb2, state_pb2

WINDOW_SECONDS = 3.0
QUIET_SECONDS = 5.0
"""A silence that is worth a word."""

FINAL = (job_pb2.JOB_STATUS_COMPLETED, job_pb2.JOB_STATUS_FAILED, job_pb2.JOB_STATUS_CANCELLED)

_MARKS: dict[int, tuple[str, str]] = {
    job_pb2.JOB_STATUS_RUNNING: ("●", "green"),
    job_pb2.JOB_STATUS_COMPLETED: ("✓", "green"),
    job_pb2.JOB_STATUS_FAILED: ("✗", "red"),
    job_pb2.JOB_STATUS_CANCELLED: ("✗", "yellow"),
}


@dataclass
class Pace:
    """How many deltas came and when. A delta is mostly a token; what a fast model says is merged into fewer."""

    first: float = 0.0
    last: float = 0.0
    deltas: int = 0
    _recent: deque[float] = field(default_factory=deque)

    def add(self, now: float) -> None:
        """Count a delta that came `now`."""
        self.first = self.first if self.deltas else now
        self.last, self.deltas = now, self.deltas + 1
        self._recent.append(now)
        self._forget(now)

    def present(self, now: float) -> float:
        """Return the deltas a second of the last seconds."""
        self._forget(now)
        seconds = min(WINDOW_SECONDS, now - self.first)
        return len(self._recent) / seconds if self._recent and seconds > 0 else 0.0

    def average(self) -> float:
        """Return the deltas a second from the first one to the last one."""
        seconds = self.last - self.first
        return (self.deltas - 1) / seconds if seconds > 0 else 0.0

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0] < now - WINDOW_SECONDS:
            self._recent.popleft()


def name_of(status: int) -> str:
    """Return a status as people write it.

    >>> name_of(2), name_of(77)
    ('running', 'status 77')
    """
    known = job_pb2.JobStatus.DESCRIPTOR.values_by_number.get(status)
    if known is None or not status:
        return "not begun" if not status else f"status {status}"
    return known.name.removeprefix("JOB_STATUS_").lower()


def style_of(status: int) -> str:
    """Return the colour of a status."""
    return _MARKS.get(status, ("", "yellow"))[1]


def status_line(
    state: state_pb2.JobState, pace: Pace, *, now: float, time: float, reconnects: int, quiet: float
) -> Text:
    """Return the line. `now` is the clock that `pace` was counted by, `time` the seconds since 1970."""
    job = state.job
    if not state.offset:
        return Text("○ connecting" + (f" · attempt {reconnects + 1}" if reconnects else ""), style="dim")
    mark, style = _MARKS.get(job.status, ("○", "yellow"))
    ended = job.status in FINAL
    facts = [name_of(job.status) + _reason(job)]
    if tokens := state.usage.output_tokens:
        facts.append(f"{tokens} tokens")
    if not ended or pace.average():  # of an answer that was there already nobody knows how fast it came
        facts.append(f"{pace.average() if ended else pace.present(now):.0f} tokens/s")
    facts.append(f"offset {state.offset}")
    if job.HasField("create_time"):
        end = job.complete_time.ToNanoseconds() / 1e9 if ended else time
        facts.append(f"{max(0.0, end - job.create_time.ToNanoseconds() / 1e9):.1f} s")
    facts.append(f"{reconnects} reconnect{'' if reconnects == 1 else 's'}")
    if not ended and quiet >= QUIET_SECONDS:
        facts.append(f"nothing for {quiet:.0f} s")
    return Text.assemble((f"{mark} {facts[0]}", style), (f" · {' · '.join(facts[1:])}", "dim"))


def _reason(job: job_pb2.Job) -> str:
    if not job.finish_reason:
        return ""
    known = job_pb2.FinishReason.DESCRIPTOR.values_by_number.get(job.finish_reason)
    name = known.name.removeprefix("FINISH_REASON_").lower().replace("_", " ") if known else str(job.finish_reason)
    return f" ({name})"
