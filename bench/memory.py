"""Memory: of finished jobs, of idle readers and of readers that stall, and what changes as jobs grow and add up."""

from __future__ import annotations

import time
from dataclasses import asdict

from bench import growth, report, rig
from bench.child import Child
from bench.report import Table
from bench.rig import Rig
from bench.speaker import Script

DELTAS = 20_000
AIM_JOB = 3_000_000
AIM_IDLE = 500_000_000
AIM_STALLED = 5_000_000
IDLE = 10_000
CHANNELS = 25
STALLED, FAST = 50, 100
STALLED_DELTAS = 100_000


def bench(quick: bool) -> list[Table]:
    """Measure all of it."""
    return [_finished(quick), _idle(quick), _stalled(quick), *growth.bench(quick)]


def _finished(quick: bool) -> Table:
    head = ("appends", "events", "bytes a job, just ended", "with its state asked for", "after a lease", "aim", "")
    table = Table(f"Memory of a finished job of {DELTAS:,} deltas", head)
    jobs, alone, lease = (4, 1, 1.0) if quick else (20, 12, 10.0)
    kinds = (("merging", 10.0, jobs), ("not merging", 0.0, jobs), ("not merging, an append a delta", 0.0, alone))
    with rig.clients(1, "bench.callers") as (caller,):
        for name, flush_ms, count in kinds:
            with rig.ours(flush_ms, lease) as side:
                script = Script(DELTAS, alone="append a delta" in name)
                table.rows.append([name, *_job_row(caller, side, script, count, lease)])
    table.notes += [
        f"growth of the server's RSS by {jobs} jobs ({alone} of an append a delta), divided by their number",
        f"one job before warms up; a job stays at hand for the lease of {lease:g} s after its end",
        "`after a lease` the state of each has been asked for once more",
    ]
    return table


def _job_row(caller: Child, side: Rig, script: Script, jobs: int, lease: float) -> list[str]:
    def work(count: int) -> list[str]:
        job_ids: list[str] = caller.ask("work", target=side.target, script=asdict(script), jobs=count)
        return job_ids

    caller.ask("states", target=side.target, job_ids=work(1))
    time.sleep(lease + 0.5)
    before = side.server.rss
    job_ids = work(jobs)
    grown = [side.server.rss - before]
    for wait in (0.0, lease + 0.5):
        time.sleep(wait)
        caller.ask("states", target=side.target, job_ids=job_ids)
        grown.append(side.server.rss - before)
    log = caller.ask("appends", target=side.target, job_id=job_ids[-1])
    sizes = [size / jobs for size in grown]
    met = report.verdict(max(sizes) <= AIM_JOB)
    return [f"{log['events']:,} in {log['appends']:,}", *map(report.whole, sizes), f"{AIM_JOB:,}", met]


def _idle(quick: bool) -> Table:
    readers = IDLE // 10 if quick else IDLE
    head = ("server", "RSS MB", "growth MB", "KiB a reader", "aim", "")
    table = Table(f"Memory of {readers:,} idle readers", head)
    for name, make in (("bare", rig.bare), ("ours", rig.ours)):
        with make() as side, rig.clients(4) as clients:
            rss, grown = _idle_rss(side, clients, readers)
        aims = [f"{AIM_IDLE / 1e6:g} MB", report.verdict(rss <= AIM_IDLE)] if name == "ours" else ["", ""]
        row = [name, f"{rss / 1e6:.0f}", f"{grown / 1e6:.0f}", f"{grown / readers / 1024:.1f}", *aims]
        table.rows.append(row)
    table.notes.append(f"one job that says nothing; {len(clients)} processes of {CHANNELS} connections each; one run")
    return table


def _idle_rss(side: Rig, clients: list[Child], readers: int) -> tuple[int, int]:
    call = side.begin(clients[0], Script(1, waits=True))
    before = side.server.rss
    for client in clients:
        client.tell("open", **call, readers=readers // len(clients), channels=CHANNELS, mode="held")
    for client in clients:
        client.hear(90)
    time.sleep(1.0)
    return side.server.rss, side.server.rss - before


def _stalled(quick: bool) -> Table:
    deltas = STALLED_DELTAS // 5 if quick else STALLED_DELTAS
    rounds = 1 if quick else 3
    head = ("readers", "growth at the end MB", "growth at most MB", "deltas/s to the fast ones", "aim", "")
    table = Table(f"Memory of {STALLED} stalled readers beside {FAST} fast ones, {deltas:,} deltas", head)
    runs: dict[int, list[tuple[float, float, float]]] = {0: [], STALLED: []}
    for _ in range(rounds):
        for stalled, found in runs.items():
            with rig.ours(0) as side, rig.clients(2) as (fast, slow):
                found.append(_stalled_run(side, fast, slow, stalled, deltas))
    without, beside = ([[run[i] for run in found] for i in range(3)] for found in runs.values())
    for stalled, columns in ((0, without), (STALLED, beside)):
        table.rows.append([f"{FAST} fast, {stalled} stalled", *map(report.spread, columns, FORMS), "", ""])
    added = [report.median(more) - report.median(less) for more, less in zip(beside[:2], without[:2], strict=True)]
    met = report.verdict(max(added) <= AIM_STALLED)
    table.rows.append(["the stalled ones alone", *map(_mb, added), "", f"{AIM_STALLED / 1e6:g} MB", met])
    table.notes.append(
        f"a new server for each run, without merging, {rounds} rounds; a stalled reader takes one message"
    )
    return table


def _stalled_run(side: Rig, fast: Child, slow: Child, stalled: int, deltas: int) -> tuple[float, float, float]:
    side.read(fast, Script(DELTAS, waits=True), FAST)  # warms up
    script = Script(deltas, waits=True)
    call = side.begin(fast, script)
    slow.ask("open", **call, readers=stalled, mode="held")
    fast.ask("open", **call, readers=FAST)
    before = side.server.rss
    side.server.forget_peak()
    run = side.spoken(fast, deltas)
    grown, peak = side.server.rss - before, side.server.peak_rss - before
    slow.ask("finish")
    return grown, peak, deltas * FAST / run.wall


def _mb(value: float) -> str:
    return f"{value / 1e6:.1f}"


FORMS = (_mb, _mb, report.whole)


if __name__ == "__main__":
    report.main(bench, __doc__)
