"""The line below an answer."""

from __future__ import annotations

import pytest

from streamsvc.cli.status import Pace, status_line
from streamsvc.v1 import job_pb2, state_pb2

BEGAN = 1_790_000_000


def state_of(status: job_pb2.JobStatus.ValueType, *, offset: int = 84) -> state_pb2.JobState:
    state = state_pb2.JobState(offset=offset)
    state.job.status = status
    state.job.create_time.seconds = BEGAN
    return state


def line(state: state_pb2.JobState, pace: Pace | None = None, *, reconnects: int = 0, quiet: float = 0.0) -> str:
    told = status_line(state, pace or Pace(), now=12.0, time=BEGAN + 2.1, reconnects=reconnects, quiet=quiet)
    return told.plain


def counted(*times: float) -> Pace:
    pace = Pace()
    for time in times:
        pace.add(time)
    return pace


def test_a_running_job_tells_all() -> None:
    pace = counted(*(10 + number / 40 for number in range(80)))
    running = state_of(job_pb2.JOB_STATUS_RUNNING)
    assert line(running, pace) == "● running · 40 tokens/s · offset 84 · 2.1 s · 0 reconnects"


def test_one_reconnect_is_one() -> None:
    assert line(state_of(job_pb2.JOB_STATUS_RUNNING), reconnects=1).endswith("· 1 reconnect")


def test_a_long_silence_is_said() -> None:
    running = state_of(job_pb2.JOB_STATUS_RUNNING)
    assert "nothing" not in line(running, quiet=4.0)
    assert line(running, quiet=12.4).endswith("· nothing for 12 s")


def test_a_completed_job_tells_what_it_took() -> None:
    state = state_of(job_pb2.JOB_STATUS_COMPLETED)
    state.job.complete_time.seconds = BEGAN + 3
    state.job.finish_reason = job_pb2.FINISH_REASON_CONTEXT_LENGTH
    state.usage.output_tokens = 120
    expected = "✓ completed (context length) · 120 tokens · 2 tokens/s · offset 84 · 3.0 s · 0 reconnects"
    assert line(state, counted(1.0, 1.5, 2.0), quiet=60.0) == expected


def test_how_fast_an_answer_came_that_was_there_already_is_not_said() -> None:
    assert "tokens/s" not in line(state_of(job_pb2.JOB_STATUS_COMPLETED))


@pytest.mark.parametrize(
    ("status", "beginning"),
    [
        (job_pb2.JOB_STATUS_PENDING, "○ pending"),
        (job_pb2.JOB_STATUS_FAILED, "✗ failed"),
        (job_pb2.JOB_STATUS_CANCELLED, "✗ cancelled"),
    ],
)
def test_each_status_has_its_mark(status: job_pb2.JobStatus.ValueType, beginning: str) -> None:
    assert line(state_of(status)).startswith(beginning)


def test_before_the_first_event_it_connects() -> None:
    nothing = state_pb2.JobState()
    assert line(nothing) == "○ connecting"
    assert line(nothing, reconnects=2) == "○ connecting · attempt 3"


def test_a_clock_that_is_behind_shows_no_negative_time() -> None:
    state = state_of(job_pb2.JOB_STATUS_RUNNING)
    state.job.create_time.seconds = BEGAN + 100
    assert "· 0.0 s ·" in line(state)


def test_the_pace_is_that_of_the_last_seconds() -> None:
    pace = counted(0.0, *(100 + number / 10 for number in range(30)))
    assert pace.present(103.0) == pytest.approx(10, abs=0.5)
    assert pace.present(200.0) == 0.0
