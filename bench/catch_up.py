"""Catching up with a job of 20,000 deltas, by every event and by one state, raw and with the client library."""

from __future__ import annotations

import time
from dataclasses import asdict

from bench import report, rig
from bench.child import Child
from bench.report import Table
from bench.rig import Rig
from bench.speaker import Script

DELTAS = 20_000
CHARACTERS = 20 * DELTAS
LEASE = 1.5
"""Seconds that the process that wrote a job keeps it at hand after its end."""

KINDS = [(mode, client) for mode in ("replay", "snapshot") for client in ("raw", "library")]
AIMS = {"running": {"replay": 25.0, "snapshot": 5.0}, "let go": {"replay": 60.0, "snapshot": 30.0}}
AIMS["just ended"] = AIMS["running"]
HEAD = ("job", "how", "client", "first ms", "third ms", "aim ms", "")

Times = dict[tuple[str, str, str], list[list[float]]]


def bench(quick: bool) -> list[Table]:
    """Measure jobs of one event a delta and of merged ones, at three points of their life."""
    rounds = 2 if quick else 7
    tables = []
    with rig.clients(1, "bench.callers") as (caller,):
        for name, flush_ms in (("not merging", 0.0), ("merging", 10.0)):
            with rig.ours(flush_ms, LEASE) as side:
                table = Table(f"Catch-up with {DELTAS:,} deltas, {name}", HEAD)
                table.rows += [_row(*key, calls) for key, calls in _measure(caller, side, rounds).items()]
                tables.append(table)
    tables[0].notes += [
        f"milliseconds until everything is there, medians of {rounds} rounds (least to most), each with a new job",
        "`first` and `third` call of its kind for that job; all on a connection that is open",
        "`running`: the job has said all, but has not ended; `just ended`: its writer's process still has it at hand",
        "`let go`: ended longer than a lease ago, read from the store; the aims for that are those of another instance",
    ]
    return tables


def _measure(caller: Child, side: Rig, rounds: int) -> Times:
    times: Times = {}
    _catch_up(caller, side, _ended(caller, side), "replay", "library")  # warms up
    for mode in ("replay", "snapshot"):
        job_ids = [_hanging(caller, side) for _ in range(rounds)]
        times["running", mode, "library"] = [_thrice(caller, side, job_id, mode, "library") for job_id in job_ids]
    jobs = []
    for mode, client in KINDS:
        for _ in range(rounds):
            job_id = _ended(caller, side)
            jobs.append((mode, client, job_id))
            times.setdefault(("just ended", mode, client), []).append(_thrice(caller, side, job_id, mode, client))
    time.sleep(LEASE + 0.5)
    for mode, client, job_id in jobs:
        times.setdefault(("let go", mode, client), []).append(_thrice(caller, side, job_id, mode, client))
    return times


def _ended(caller: Child, side: Rig) -> str:
    job_ids: list[str] = caller.ask("work", target=side.target, script=asdict(Script(DELTAS)), jobs=1)
    return job_ids[0]


def _hanging(caller: Child, side: Rig) -> str:
    job_id: str = caller.ask("start", target=side.target, script=asdict(Script(DELTAS, hangs=True)))
    _catch_up(caller, side, job_id, "replay", "library")
    return job_id


def _thrice(caller: Child, side: Rig, job_id: str, mode: str, client: str) -> list[float]:
    return [_catch_up(caller, side, job_id, mode, client) for _ in range(3)]


def _catch_up(caller: Child, side: Rig, job_id: str, mode: str, client: str) -> float:
    if client == "raw":
        return float(caller.ask("catch_up", target=side.target, job_id=job_id, mode=mode))
    return float(caller.ask("decode", target=side.target, job_id=job_id, mode=mode, characters=CHARACTERS))


def _row(when: str, mode: str, client: str, calls: list[list[float]]) -> list[str]:
    first, third = [call[0] for call in calls], [call[2] for call in calls]
    aim = AIMS[when][mode]
    met = max(report.median(first), report.median(third)) <= aim
    shown = [report.spread(values, report.millis) for values in (first, third)]
    return [when, mode, client, *shown, f"{aim:g}", report.verdict(met)]


if __name__ == "__main__":
    report.main(bench, __doc__)
