"""Lists of jobs and news of them, as rows and lines."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from rich.console import Console

from streamsvc.cli.listing import age, row, span, table
from streamsvc.cli.status import name_of
from streamsvc.cli.watch import News, line
from streamsvc.client import JobsUpdate
from streamsvc.v1 import job_pb2

BEGAN = 1_790_000_000
PENDING, RUNNING = job_pb2.JOB_STATUS_PENDING, job_pb2.JOB_STATUS_RUNNING
COMPLETED = job_pb2.JOB_STATUS_COMPLETED


def job(number: int = 1, status: job_pb2.JobStatus.ValueType = RUNNING, title: str = "") -> job_pb2.Job:
    made = job_pb2.Job(id=f"{number:032x}", status=status, producer="local", model="smollm2")
    made.create_time.seconds = BEGAN
    if title:
        made.metadata["title"] = title
    return made


def update(
    *jobs: job_pb2.Job, removed: tuple[str, ...] = (), reset: bool = False, caught_up: bool = False
) -> JobsUpdate:
    return JobsUpdate(jobs, removed, reset, caught_up)


def test_a_row_has_five_fields_whatever_the_title_holds() -> None:
    told = row(job(title="a\tb\nc\x1b[2J"), BEGAN + 90.4)
    assert told.split("\t") == [f"{1:032x}", "running", "90", "local/smollm2", "a b c\ufffd[2J"]


def test_the_table_never_cuts_an_id() -> None:
    out = io.StringIO()
    table([job(1, title="x" * 200), job(2, COMPLETED)], BEGAN + 200, Console(file=out, width=80))
    head, first, second = out.getvalue().splitlines()
    assert head.split()[:3] == ["ID", "STATUS", "AGE"]
    assert first.startswith(f"{1:032x}  running  ")
    assert first.endswith("x…")
    assert " 3 min " in second
    assert max(len(first), len(head)) <= 80


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (86400 * 3, "3 d")]
)
def test_a_span_is_in_its_largest_unit(seconds: int, expected: str) -> None:
    assert span(timedelta(seconds=seconds)) == expected


def test_a_clock_that_is_behind_makes_no_negative_age() -> None:
    assert age(job(), BEGAN - 10) == timedelta()


def test_a_status_of_a_later_service_has_a_name() -> None:
    assert [name_of(status) for status in (0, COMPLETED, 77)] == ["not begun", "completed", "status 77"]


def test_what_runs_already_is_told_before_catching_up_and_what_starts_after() -> None:
    news = News()
    assert [word for word, _ in news.of(update(job(1), caught_up=True))] == ["running", "caught up"]
    assert [word for word, _ in news.of(update(job(2, PENDING)))] == ["started"]
    assert [word for word, _ in news.of(update(job(2)))] == ["changed"]
    assert [word for word, _ in news.of(update(job(2, title="named")))] == ["changed"]
    assert [word for word, _ in news.of(update(job(2, COMPLETED)))] == ["ended"]


def test_a_job_that_comes_again_unchanged_is_no_news() -> None:
    news = News()
    list(news.of(update(job(1), caught_up=True)))
    assert list(news.of(update(job(1)))) == []


def test_a_reset_and_a_removal_are_told() -> None:
    news = News()
    list(news.of(update(job(1), caught_up=True)))
    told = list(news.of(update(job(1), reset=True, caught_up=True)))
    assert [word for word, _ in told] == ["reset", "running", "caught up"]
    assert [word for word, _ in news.of(update(removed=("x",)))] == ["removed"]


def test_a_line_has_tabs_in_a_pipe_and_columns_in_a_terminal() -> None:
    found = job(1, title="Of the sky")
    assert line("started", found, aligned=False) == f"started\t{1:032x}\trunning\tlocal/smollm2\tOf the sky"
    assert line("started", found, aligned=True) == f"started  {1:032x}  running    local/smollm2  Of the sky"
    assert line("removed", job_pb2.Job(id="x"), aligned=False) == "removed\tx"
    assert line("caught up", None, aligned=True) == "caught up"
