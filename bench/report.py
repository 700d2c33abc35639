"""What a benchmark prints: tables of medians with their spread, and the machine that they were measured on."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median as median


@dataclass
class Table:
    """Rows under a head. `notes` say how they were measured."""

    title: str
    head: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the table as Markdown, its columns aligned for those who read it as text."""
        grid = [list(self.head), *(list(row) for row in self.rows)]
        widths = [max(len(row[column]) for row in grid) for column in range(len(self.head))]
        lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in grid]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([f"### {self.title}", "", *lines, "", *(f"- {note}" for note in self.notes)]) + "\n"


Bench = Callable[[bool], list[Table]]


def main(bench: Bench, description: str | None) -> None:
    """Run one benchmark from the command line and print its tables."""
    quick = quick_form(description)
    print(machine() + "\n")
    for table in measured(bench, quick):
        print(table.markdown())


def quick_form(description: str | None) -> bool:
    """Read the command line: whether the short form is wanted."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: figures to look at, not to quote")
    return bool(parser.parse_args().quick)


def measured(bench: Bench, quick: bool) -> list[Table]:
    """Run a benchmark, and note in its first table how busy others kept the machine meanwhile."""
    began, busy, own = time.monotonic(), _busy(), _own()
    load = os.getloadavg()[0]
    tables = bench(quick)
    wall = time.monotonic() - began
    others = max(0.0, (_busy() - busy) - (_own() - own)) / wall
    tables[0].notes.append(
        f"{wall:.0f} s; load average before: {load:.1f}; processors that others used meanwhile: {others:.2f}"
    )
    return tables


def machine() -> str:
    """Return one line on the machine and the versions of what matters."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("grpcio", "protobuf", "uvloop"))
    return (
        f"{cpu or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}; "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )


def spread(values: Sequence[float], form: Callable[[float], str]) -> str:
    """Return the median, and in brackets the least and the most.

    >>> spread([3.0, 1.0, 2.0], str)
    '2.0 (1.0 to 3.0)'
    """
    middle = form(median(values))
    return middle if len(values) < 2 else f"{middle} ({form(min(values))} to {form(max(values))})"


def quantile(ordered: Sequence[float], q: float) -> float:
    """Return the value below which the share `q` of sorted values lies."""
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def whole(value: float) -> str:
    """Format a count."""
    return f"{value:,.0f}"


def millis(value: float) -> str:
    """Format milliseconds."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def percent(value: float) -> str:
    """Format a ratio."""
    return f"{value:.0%}"


def verdict(met: bool) -> str:
    """Say whether an aim is met."""
    return "met" if met else "**missed**"


def _busy() -> float:
    """Processor seconds that all processes have used, and those that the host took away."""
    fields = [int(ticks) for ticks in _lines("/proc/stat")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Processor seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
