"""Two instances on one Redis: what is written at the one is read at the other, beside one instance in memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

from bench import report, rig
from bench.child import Child
from bench.report import Table
from bench.rig import Rig, Run
from bench.speaker import Script
from tests.support import redis_servers

DELTAS = 20_000
CHARACTERS = 20 * DELTAS
READERS = (1, 10, 100)
LEAST = 0.5
LATENCY_AIMS = {0.5: 2.0, 0.99: 8.0}
CATCH_UP_AIMS = {"replay": 60.0, "snapshot": 30.0}
RATE = 200.0
CROWD = 100


def bench(quick: bool) -> list[Table]:
    """Measure both stores by turns, merging and not."""
    with (
        redis_servers.standalone() as server,
        rig.clients(1) as (client,),
        rig.clients(1, "bench.callers") as (caller,),
        rig.ours() as memory,
        rig.ours(0) as memory_plain,
        rig.two_of_ours(server.uri) as redis,
        rig.two_of_ours(server.uri, 0) as redis_plain,
    ):
        return [
            _fan_out(
                client, {"merging": (memory, redis), "not merging": (memory_plain, redis_plain)}, 1 if quick else 5
            ),
            _latency(client, redis, *((1, 1.0) if quick else (5, 3.0))),
            _catch_up(caller, {"merging": redis, "not merging": redis_plain}, 2 if quick else 7),
            _crowd(caller, redis, 2.0 if quick else 10.0),
        ]


def _fan_out(client: Child, sides: dict[str, tuple[Rig, Rig]], rounds: int) -> Table:
    head = ("readers", "", "memory: deltas/s", "Redis: deltas/s", "of memory", "aim", "", "writer, reader CPU ms")
    table = Table("Redis: fan-out to readers of another instance", head)
    for readers in READERS:
        for name, pair in sides.items():
            runs: Sequence[list[Run]] = ([], [])
            for number in range(rounds + 1):
                for side, found in zip(pair, runs, strict=True):
                    run = side.read(client, Script(DELTAS, waits=True), readers)
                    found += [run] if number else []  # the first round warms up
            table.rows.append(_row(readers, name, *runs))
    table.notes += [
        f"{DELTAS:,} deltas of 20 bytes as fast as they go, medians of {rounds} rounds (least to most), by turns",
        "all readers are connected and waiting before the first delta; completeness is checked after each run",
    ]
    return table


def _row(readers: int, name: str, memory: list[Run], redis: list[Run]) -> list[str]:
    speeds = [[DELTAS * readers / run.wall for run in runs] for runs in (memory, redis)]
    ratio = report.median(speeds[1]) / report.median(speeds[0])
    shown = [report.spread(values, report.whole) for values in speeds]
    cpu = report.spread([run.cpu * 1e3 for run in redis], report.whole)
    aim = [report.percent(ratio), report.percent(LEAST), report.verdict(ratio >= LEAST)]
    return [str(readers), name, *shown, *aim, cpu]


def _latency(client: Child, redis: Rig, rounds: int, seconds: float) -> Table:
    script = Script(int(RATE * seconds), rate=RATE, stamps=True, waits=True)
    table = Table(
        "Redis: emit to delivery at another instance, 200 deltas/s", ("readers", "p50 ms", "p99 ms", "aim", "")
    )
    redis.read(client, Script(50, rate=RATE, stamps=True, waits=True), 1, "stamped")  # warms up
    for readers in (1, 20):
        runs = [redis.read(client, script, readers, "stamped") for _ in range(rounds)]
        assert all(len(run.latencies) == script.deltas * readers for run in runs), "deltas were lost"
        found = [[report.quantile(run.latencies, q) for run in runs] for q in LATENCY_AIMS]
        met = all(report.median(times) <= aim for times, aim in zip(found, LATENCY_AIMS.values(), strict=True))
        aim = ", ".join(f"{aim:g}" for aim in LATENCY_AIMS.values())
        table.rows.append(
            [str(readers), *(report.spread(times, report.millis) for times in found), aim, report.verdict(met)]
        )
    return table


def _catch_up(caller: Child, sides: dict[str, Rig], rounds: int) -> Table:
    head = ("job", "how", "client", "first ms", "third ms", "aim ms", "")
    table = Table(f"Redis: catch-up with {DELTAS:,} deltas at an instance that has not seen them", head)
    for name, side in sides.items():
        for mode, aim in CATCH_UP_AIMS.items():
            for client in ("raw", "library"):
                calls = [_thrice(caller, side, mode, client) for _ in range(rounds)]
                first, third = [call[0] for call in calls], [call[2] for call in calls]
                shown = [report.spread(values, report.millis) for values in (first, third)]
                met = report.verdict(report.median(first) <= aim)
                table.rows.append([name, mode, client, *shown, f"{aim:g}", met])
    table.notes.append("`first` and `third` call of its kind for a job that has ended; the aim is for the first")
    return table


def _thrice(caller: Child, side: Rig, mode: str, client: str) -> list[float]:
    (job_id,) = caller.ask("work", target=side.target, script=asdict(Script(DELTAS)), jobs=1)
    at = {"target": side.reads_at, "job_id": job_id, "mode": mode}
    if client == "raw":
        return [caller.ask("catch_up", **at) for _ in range(3)]
    return [caller.ask("decode", **at, characters=CHARACTERS) for _ in range(3)]


def _crowd(caller: Child, redis: Rig, seconds: float) -> Table:
    """Have many jobs speak at once at one instance, at the rate of fast models."""
    script = Script(int(RATE * seconds), rate=RATE)
    head = ("jobs", "deltas/s asked for", "deltas/s stored", "behind: median s", "most s", "writer's CPU")
    table = Table("Redis: many jobs at once at one instance, 200 deltas/s each", head)
    for jobs in (10, CROWD):
        before = redis.server.ask("sample")["cpu_ns"]
        took: list[float] = caller.ask("together", target=redis.target, script=asdict(script), jobs=jobs)
        cpu = (redis.server.ask("sample")["cpu_ns"] - before) / 1e9
        stored = script.deltas * jobs / max(took)
        behind = [max(0.0, each - seconds) for each in took]
        row = [str(jobs), report.whole(RATE * jobs), report.whole(stored), report.millis(report.median(behind))]
        table.rows.append([*row, report.millis(max(behind)), f"{cpu / max(took):.2f} cores"])
        time.sleep(0.2)
    table.notes.append(
        f"{seconds:g} s each; behind: how much longer a job took, by its first and last event, than its model"
    )
    return table


if __name__ == "__main__":
    report.main(bench, __doc__)
