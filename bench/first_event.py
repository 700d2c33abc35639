"""The first word: from calling StartGeneration to the first text at a reader, with a producer that speaks at once."""

from __future__ import annotations

from dataclasses import asdict

from bench import report, rig
from bench.child import Child
from bench.report import Table
from bench.rig import Rig
from bench.speaker import Script

STEPS = ("start call", "stream call to its first message", "first message to first text", "all")
HEAD = ("server", *(f"{step}, p50 / p99 ms" for step in STEPS))


def bench(quick: bool) -> list[Table]:
    """Measure the service and the bare server by turns."""
    jobs, rounds = (50, 1) if quick else (200, 5)
    found: dict[str, list[list[list[float]]]] = {"bare": [], "ours": []}
    with rig.bare() as bare, rig.ours() as ours, rig.clients(1, "bench.callers") as (caller,):
        bare.server.ask("prepare", script=asdict(Script(1, stamps=True)))
        bare.server.ask("go")
        for number in range(rounds + 1):
            for name, side in (("bare", bare), ("ours", ours)):
                calls = _calls(caller, side, jobs)
                if number:  # the first round warms up
                    found[name].append(calls)
    table = Table("First text of a new job", HEAD)
    table.rows += [_row(name, measured) for name, measured in found.items()]
    table.notes += [
        f"{jobs} jobs a round, one after the other, medians of {rounds} rounds (least to most), the servers by turns",
        "StreamJob is called as soon as StartGeneration has returned; the bare server has its one delta ready",
        "no aim is set for this",
    ]
    return [table]


def _calls(caller: Child, side: Rig, jobs: int) -> list[list[float]]:
    calls: list[list[float]] = caller.ask("first_events", target=side.target, jobs=jobs, bare=side.kind == "bare")
    return calls


def _row(name: str, rounds: list[list[list[float]]]) -> list[str]:
    row = [name]
    for step in range(len(STEPS)):
        ordered = [sorted(call[step] for call in calls) for calls in rounds]
        shares = ([report.quantile(values, q) for values in ordered] for q in (0.5, 0.99))
        row.append(" / ".join(report.spread(values, report.millis) for values in shares))
    return row


if __name__ == "__main__":
    report.main(bench, __doc__)
