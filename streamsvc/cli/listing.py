"""Jobs as rows: a table in a terminal, lines with tabs elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamsvc.cli.status import name_of, style_of
from streamsvc.cli.terminal import one_line
from streamsvc.v1 import job_pb2

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def table(jobs: Sequence[job_pb2.Job], now: float, console: Console) -> None:
    """Print the jobs as a table as wide as the terminal. `now` is the time since 1970."""
    made = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    made.add_column("ID", no_wrap=True, min_width=32)
    made.add_column("STATUS", no_wrap=True)
    made.add_column("AGE", no_wrap=True, justify="right")
    # The two that may be shortened, where there is no room: their texts are not broken either.
    made.add_column("PRODUCER/MODEL")
    made.add_column("TITLE")
    for job in jobs:
        made.add_row(
            job.id,
            Text(name_of(job.status), style=style_of(job.status)),
            span(age(job, now)),
            Text(maker(job), no_wrap=True, overflow="ellipsis"),
            Text(title(job), no_wrap=True, overflow="ellipsis"),
        )
    console.print(made)


def row(job: job_pb2.Job, now: float) -> str:
    """Return a job as a line with tabs: id, status, age in seconds, producer/model, title."""
    return "\t".join((job.id, name_of(job.status), str(round(age(job, now).total_seconds())), maker(job), title(job)))


def age(job: job_pb2.Job, now: float) -> timedelta:
    """Return how long ago the job was created. Never less than nothing, whatever the clocks say."""
    return timedelta(seconds=max(0.0, now - job.create_time.ToNanoseconds() / 1e9))


def span(time: timedelta) -> str:
    """Return a time in its largest unit.

    >>> span(timedelta(seconds=200)), span(timedelta(hours=49))
    ('3 min', '2 d')
    """
    seconds = int(time.total_seconds())
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"{seconds // size} {unit}"


def maker(job: job_pb2.Job) -> str:
    """Return who answers: producer/model."""
    return one_line(f"{job.producer}/{job.model}")


def title(job: job_pb2.Job) -> str:
    """Return the job's title on one line, an empty text if it has none."""
    return one_line(job.metadata.get("title", ""))
