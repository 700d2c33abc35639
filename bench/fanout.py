"""Fan-out: deltas as fast as they go, over real sockets, to 1, 10 and 100 readers that do not decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from bench import report, rig
from bench.child import Child
from bench.report import Table
from bench.rig import Rig, Run
from bench.speaker import Script

DELTAS = 20_000
READERS = (1, 10, 100)
AIM_RATIO = 0.6
AIM_SPEED = {1: 120_000, 10: 1_000_000, 100: 3_000_000}
NAMES = ("bare", "bare, events built", "ours, merging", "ours, not merging")
HEAD = (
    *("server", "deltas/s delivered", "of the bare", "of the bare, events built"),
    *("stored events", "messages", "server CPU ms", "aim", ""),
)

Runs = dict[str, list[Run]]


def bench(quick: bool) -> list[Table]:
    """Measure all servers by turns."""
    rounds = 2 if quick else 7
    with rig.bare() as bare, rig.bare("built") as built, rig.ours() as merging, rig.ours(0) as plain:
        sides = dict(zip(NAMES, (bare, built, merging, plain), strict=True))
        with rig.clients(1) as (client,):
            runs = {readers: _measure(client, sides, readers, rounds) for readers in READERS}
            tables = [_table(readers, runs[readers]) for readers in READERS]
            tables += [_shares(client, sides, runs, rounds), _library(client, [merging, plain], rounds)]
    tables[0].notes += [
        f"{DELTAS:,} deltas of 20 bytes, medians of {rounds} rounds (least to most), the servers by turns in each",
        "deltas x readers by the time from the first delta until the last reader has the final event",
        "all readers are connected and waiting before the first delta; completeness is checked after each run",
        "`events built`: the bare server when each delta's event is made and encoded, as a producer and a log need it",
    ]
    return tables


def _measure(client: Child, sides: dict[str, Rig], readers: int, rounds: int) -> Runs:
    runs: Runs = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            run = side.read(client, Script(DELTAS, waits=True), readers)
            if number:  # the first round warms up
                runs[name].append(run)
    return runs


def _table(readers: int, runs: Runs) -> Table:
    table = Table(f"Fan-out to {readers} reader{'s' * (readers > 1)}", HEAD)
    for name, measured in runs.items():
        table.rows.append(_row(name, measured, runs, readers))
    return table


def _shares(client: Child, sides: dict[str, Rig], runs: dict[int, Runs], rounds: int) -> Table:
    """Measure what the events cost when nobody reads them: that no fan-out can save."""
    head = ("server", "nobody reads: CPU ms", *(f"of the CPU with {n} reader{'s' * (n > 1)}" for n in READERS))
    table = Table("How much of it is making and storing the events", head)
    for name, side in sides.items():
        made = [side.unread(client, Script(DELTAS, waits=True)) for _ in range(rounds)]
        shares = [report.median(made) / report.median([run.cpu for run in runs[n][name]]) for n in READERS]
        cpu = report.spread([seconds * 1e3 for seconds in made], report.whole)
        table.rows.append([name, cpu, *map(report.percent, shares)])
    return table


def _row(name: str, measured: Sequence[Run], runs: Runs, readers: int) -> list[str]:
    speeds = [DELTAS * readers / run.wall for run in measured]
    bare, built = (_ratios(measured, runs[other]) for other in NAMES[:2])
    ours = name.startswith("ours")
    return [
        name,
        report.spread(speeds, report.whole),
        report.spread(bare, report.percent) if name != NAMES[0] else "",
        report.spread(built, report.percent) if ours else "",
        report.whole(report.median([run.events for run in measured])) if ours else "",
        report.whole(report.median([run.messages for run in measured])),
        report.spread([run.cpu * 1e3 for run in measured], report.whole),
        *(_aim(readers, report.median(speeds), report.median(bare)) if ours else ("", "")),
    ]


def _ratios(runs: Sequence[Run], others: Sequence[Run]) -> list[float]:
    """Compare runs of the same round: what else the machine did then, it did to both."""
    return [other.wall / run.wall for run, other in zip(runs, others, strict=True)]


def _aim(readers: int, speed: float, ratio: float) -> tuple[str, str]:
    aim = AIM_SPEED[readers]
    met = report.verdict(speed >= aim)
    if readers == 1:
        return f"{aim:,}/s", met
    return f"{AIM_RATIO:.0%} of the bare; {aim:,}/s", f"{report.verdict(ratio >= AIM_RATIO)}; {met}"


def _library(client: Child, sides: Sequence[Rig], rounds: int) -> Table:
    """Measure one reader that uses the client library."""
    table = Table("Fan-out to 1 reader with the Python client library", ("server", "deltas/s delivered", "aim"))
    for name, side in zip(NAMES[2:], sides, strict=True):
        speeds = []
        for _ in range(rounds):
            job_id = client.ask("start", target=side.target, script=asdict(Script(DELTAS, waits=True)))
            client.ask("follow", target=side.target, job_id=job_id)
            run = side.spoken(client)
            assert run.messages == 20 * DELTAS, "the text is not what was said"
            speeds.append(DELTAS / run.wall)
        table.rows.append([name, report.spread(speeds, report.whole), "none"])
    return table


if __name__ == "__main__":
    report.main(bench, __doc__)
