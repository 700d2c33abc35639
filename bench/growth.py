"""What an event costs late in a long job, and a job beside many finished ones: both should cost what they did first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

from bench import report, rig
from bench.child import Child
from bench.report import Table
from bench.rig import Rig
from bench.speaker import MARK, Script

EVENTS = 100_000
STRETCH = 10
"""Marks at each end of a job that are compared."""

FEW, MANY = 10, 1_000
SMALL = Script(10)
GROUPS, TIMED = 5, 20
LEASE = 1.0
AIM = 0.2


def bench(quick: bool) -> list[Table]:
    """Measure both."""
    with rig.clients(1) as (client,), rig.clients(1, "bench.callers") as (caller,):
        return [_events(client, quick), _jobs(caller, quick)]


def _events(client: Child, quick: bool) -> Table:
    rounds = 1 if quick else 5
    head = ("events", "first us", "last us", "change", "aim", "")
    table = Table(f"Server CPU an event, the first and the last {STRETCH * MARK:,} of {EVENTS:,}", head)
    for name, flush_ms in (("merging", 10.0), ("not merging", 0.0)):
        with rig.ours(flush_ms) as side:
            side.read(client, Script(waits=True), 1)  # warms up
            runs = [side.read(client, Script(EVENTS, waits=True), 1).marks for _ in range(rounds)]
        # The very first marks hold the start of the job.
        first = [_cost(marks[1 : STRETCH + 2]) for marks in runs]
        last = [_cost(marks[-STRETCH - 1 :]) for marks in runs]
        change = report.median(last) / report.median(first) - 1
        shown = [report.spread(values, report.millis) for values in (first, last)]
        table.rows.append([name, *shown, f"{change:+.0%}", f"within {AIM:.0%}", report.verdict(change <= AIM)])
    table.notes.append(f"one reader, medians of {rounds} runs (least to most); the producer's own work is in it")
    return table


def _cost(marks: Sequence[int]) -> float:
    return (marks[-1] - marks[0]) / (len(marks) - 1) / MARK / 1e3


def _jobs(caller: Child, quick: bool) -> Table:
    many = MANY // 5 if quick else MANY
    head = ("finished jobs", "server CPU ms a job", "change", "aim", "")
    table = Table("A job of 10 deltas beside finished ones", head)
    with rig.ours(lease_seconds=LEASE) as side:
        rss = side.server.rss
        few = _job_costs(caller, side, FEW)
        costs = _job_costs(caller, side, many - FEW - GROUPS * TIMED)
        grown = side.server.rss - rss
    change = report.median(costs) / report.median(few) - 1
    met = report.verdict(change <= AIM)
    table.rows.append([f"{FEW}", report.spread(few, report.millis), "", "", ""])
    table.rows.append([f"{many:,}", report.spread(costs, report.millis), f"{change:+.0%}", f"within {AIM:.0%}", met])
    table.notes += [
        f"{GROUPS} times {TIMED} jobs one by one, start to final event, median of the {GROUPS} (least to most)",
        f"the server's RSS grew by {grown / (many + GROUPS * TIMED) / 1024:.1f} KiB a job",
    ]
    return table


def _job_costs(caller: Child, side: Rig, before: int) -> list[float]:
    """Have so many jobs done, and then measure some more."""

    def work(jobs: int) -> None:
        caller.ask("work", target=side.target, script=asdict(SMALL), jobs=jobs)

    work(before)
    time.sleep(LEASE + 0.5)  # the newest are let go
    costs = []
    for _ in range(GROUPS):
        began = side.server.ask("sample")["cpu_ns"]
        work(TIMED)
        costs.append((side.server.ask("sample")["cpu_ns"] - began) / TIMED / 1e6)
    return costs


if __name__ == "__main__":
    report.main(bench, __doc__)
