"""From saying a delta to a reader that has decoded it, at 200 deltas a second over a socket."""

from __future__ import annotations

from collections.abc import Callable

from bench import report, rig
from bench.child import Child
from bench.report import Table
from bench.rig import Rig, Run
from bench.speaker import Script

RATE = 200.0
READERS = (1, 20)
AIMS = {0.5: 0.6, 0.99: 3.0}
AIMED_AT = 1
HEAD = ("server", "readers", "p50 ms", "p99 ms", "server CPU us a delivery", "aim p50, p99 ms", "")


def bench(quick: bool) -> list[Table]:
    """Measure the service and the bare server by turns."""
    rounds, seconds = (1, 1.0) if quick else (5, 3.0)
    script = Script(int(RATE * seconds), rate=RATE, stamps=True, waits=True)
    table = Table("Emit to delivery at 200 deltas/s", HEAD)
    with rig.bare() as bare, rig.ours() as ours, rig.clients(1) as (client,):
        for side in (bare, ours):  # warms up
            side.read(client, Script(50, rate=RATE, stamps=True, waits=True), 1, "stamped")
        for readers in READERS:
            runs: dict[str, list[Run]] = {"bare": [], "ours": []}
            for _ in range(rounds):
                for name, side in (("bare", bare), ("ours", ours)):
                    runs[name].append(_run(client, side, script, readers))
            table.rows += [_row(name, measured, readers) for name, measured in runs.items()]
    table.notes += [
        f"{script.deltas} deltas a run, medians of {rounds} rounds (least to most), the servers by turns in each",
        "each delta's text is the monotonic time at which it was said; readers decode it on receipt, in one process",
        "the bare server encodes the same events and appends each; the service runs with its default merging",
    ]
    return [table]


def _run(client: Child, side: Rig, script: Script, readers: int) -> Run:
    run = side.read(client, script, readers, "stamped")
    assert len(run.latencies) == script.deltas * readers, "deltas were lost"
    return run


def _row(name: str, runs: list[Run], readers: int) -> list[str]:
    def at(q: float) -> Callable[[Run], float]:
        return lambda run: report.quantile(run.latencies, q)

    p50, p99 = ([at(q)(run) for run in runs] for q in AIMS)
    met = report.median(p50) <= AIMS[0.5] and report.median(p99) <= AIMS[0.99]
    aimed = name == "ours" and readers == AIMED_AT
    return [
        name,
        str(readers),
        report.spread(p50, report.millis),
        report.spread(p99, report.millis),
        report.spread([run.cpu * 1e6 / len(run.latencies) for run in runs], report.whole),
        ", ".join(str(aim) for aim in AIMS.values()) if aimed else "",
        report.verdict(met) if aimed else "",
    ]


if __name__ == "__main__":
    report.main(bench, __doc__)
