"""The chat page in Chromium: from saying a delta to paint at 50 a second, and catching up with 20,000 events."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench import report, rig
from bench.report import Table
from bench.rig import Rig
from bench.speaker import Script
from streamsvc.client import Client
from streamsvc.v1 import job_pb2
from tests.support.page import Shown, Site, before

RATE = 50.0
DELTAS = 20_000
PAINT_AIMS = {0.5: 50.0, 0.99: 120.0}
CATCH_UP_AIM = 1_000.0
FRAME_AIM = 50.0
STEP_HEAD = ("deltas that both painted", "p50 ms", "p99 ms", "most ms")
PAINT_HEAD = ("deltas", "p50 ms", "p99 ms", "longest frame ms", "aim p50, p99 ms", "")
CATCH_UP_HEAD = ("how", "ms until all is shown", "longest frame ms", "aim ms, frame ms", "")

WATCH = """
window.painted = [];  // of each look: the newest delta, and the ms since 1970 at which it was on the screen
window.frames = [];   // lengths of frames in ms
let last = performance.now();
const frame = (now) => {
  window.frames.push(now - last);
  last = now;
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
const channel = new MessageChannel();
// A message that is sent in a frame arrives when the frame has been painted.
channel.port1.onmessage = ({ data }) => window.painted.push([data, performance.timeOrigin + performance.now()]);
let seen = "";
new MutationObserver(() => {
  const newest = ([...document.querySelectorAll(".text .block")].at(-1)?.textContent ?? "").trimEnd().slice(-19);
  if (newest.length < 19 || newest === seen) return;
  seen = newest;
  requestAnimationFrame(() => channel.port2.postMessage(newest));
}).observe(document, { subtree: true, childList: true, characterData: true });
"""

BEGIN = """
window.painted = [];
window.frames = [];
window.begun = undefined;
addEventListener("online", () => (window.begun = performance.timeOrigin + performance.now()), { once: true });
"""


@dataclass(frozen=True)
class Seen:
    """What was seen, in ms: from saying a delta to its paint, or the time until all was there; the longest frame."""

    times: list[float]
    frame: float


def bench(quick: bool) -> list[Table]:
    """Measure the page through Envoy, over HTTP/2."""
    rounds, deltas = (1, 100) if quick else (5, 500)
    with rig.ours() as side:
        paints = asyncio.run(_paint(side, rounds, deltas))
        apart = asyncio.run(_two_tabs(side, rounds, deltas))
    with rig.ours(flush_ms=0.0) as side:
        catches = asyncio.run(_catch_up(side, rounds))
    painting = Table(f"Emit to paint at {RATE:.0f} deltas/s", PAINT_HEAD, [_paint_row(deltas, paints)])
    step = Table(
        f"Two tabs at {RATE:.0f} deltas/s: between the paints of the same delta", STEP_HEAD, [_step_row(apart)]
    )
    catching = Table(f"A page catches up with {DELTAS:,} events", CATCH_UP_HEAD)
    catching.rows += [_catch_up_row(how, runs) for how, runs in catches.items()]
    painting.notes += [
        f"medians of {rounds} rounds (least to most); Chromium without a window, 60 frames a second",
        "a delta's text is the time at which it was said; its paint is when the frame that shows it is over",
    ]
    step.notes.append("two tabs of one browser over HTTP/2, each with a stream of its own; whichever painted first")
    catching.notes += [
        "`opened`: another conversation was shown before (a snapshot); `after a cut`: the page had the first events",
        f"the answer has {20 * DELTAS:,} characters and no paragraphs",
    ]
    return [painting, step, catching]


async def _paint(side: Rig, rounds: int, deltas: int) -> list[Seen]:
    script = Script(deltas, rate=RATE, stamps=True, waits=True)
    async with _tab(side) as (_, tab), Client(side.target) as client:
        await _painted(side, tab, await _begun(client, script))  # warms up
        return [await _painted(side, tab, await _begun(client, script)) for _ in range(rounds)]


async def _two_tabs(side: Rig, rounds: int, deltas: int) -> list[list[float]]:
    """Return of each round how far apart the two tabs painted the same delta, in ms, sorted."""
    script = Script(deltas, rate=RATE, stamps=True, waits=True)
    async with _tab(side) as (there, first), Client(side.target) as client:
        second = await Shown.open(first.page.context, there.envoy.tls_url)
        await _apart(side, first, second, await _begun(client, script))  # warms up
        return [await _apart(side, first, second, await _begun(client, script)) for _ in range(rounds)]


async def _apart(side: Rig, first: Shown, second: Shown, job: job_pb2.Job) -> list[float]:
    """Show a job that waits in both tabs, let it speak, and compare when each delta was on the screen."""
    for tab in (first, second):
        await _show(tab, job)
        await tab.status("live")
        await tab.page.evaluate(BEGIN)
    side.server.ask("go")
    paints = []
    for tab in (first, second):
        await tab.status("ended")
        paints.append(dict(await tab.page.evaluate("window.painted")))
    here, there = paints
    return sorted(abs(here[delta] - there[delta]) for delta in here.keys() & there.keys())


async def _catch_up(side: Rig, rounds: int) -> dict[str, list[Seen]]:
    opened, cut = [], []
    async with _tab(side) as (there, tab), Client(side.target) as client:
        await _opened(client, tab, await _begun(client, Script(DELTAS)))  # warms up
        for _ in range(rounds):
            opened.append(await _opened(client, tab, await _begun(client, Script(DELTAS))))
            cut.append(await _cut(there, side, tab, await _begun(client, Script(DELTAS, waits=True))))
    return {"opened": opened, "after a cut": cut}


@asynccontextmanager
async def _tab(side: Rig) -> AsyncIterator[tuple[Site, Shown]]:
    async with before([side.target]) as there, await there.profile() as profile:
        await profile.add_init_script(WATCH)
        yield there, await Shown.open(profile, there.envoy.tls_url)


async def _begun(client: Client, script: Script) -> job_pb2.Job:
    request = script.request()
    request.conversation_id = uuid.uuid4().hex
    return await client.start_request(request)


async def _painted(side: Rig, tab: Shown, job: job_pb2.Job) -> Seen:
    """Show a job that waits, let it speak, and see when each of its deltas is on the screen."""
    await _show(tab, job)
    await tab.status("live")
    await tab.page.evaluate(BEGIN)
    side.server.ask("go")
    await tab.status("ended")
    wall = time.time() * 1e3 - time.monotonic() * 1e3
    looks = await tab.page.evaluate("window.painted")
    times = sorted(at - wall - int(stamp) / 1e6 for stamp, at in looks)
    return Seen(times, await _longest_frame(tab))


async def _opened(client: Client, tab: Shown, job: job_pb2.Job) -> Seen:
    """Show a job that has ended, in a page that showed another one."""
    async for _ in client.stream(job.id):
        pass
    await tab.page.evaluate(BEGIN)
    await tab.page.evaluate("window.begun = performance.timeOrigin + performance.now()")
    await _show(tab, job)
    return await _all_there(tab)


async def _cut(there: Site, side: Rig, tab: Shown, job: job_pb2.Job) -> Seen:
    """Show a job that waits, cut the page off, let it speak to its end, and let the page come back."""
    await _show(tab, job)
    await tab.status("live")
    await tab.page.context.set_offline(True)
    with there.network.outage():
        await tab.status("reconnecting")
        side.server.ask("go")
        async with Client(side.target) as client:
            async for _ in client.stream(job.id):
                pass
    await tab.page.evaluate(BEGIN)
    await tab.page.context.set_offline(False)
    return await _all_there(tab)


async def _show(tab: Shown, job: job_pb2.Job) -> None:
    await tab.page.evaluate("(id) => void (location.hash = `/${id}`)", job.conversation_id)
    await tab.page.wait_for_selector(f"[data-job='{job.id}']")


async def _all_there(tab: Shown) -> Seen:
    newest = f"{DELTAS - 1:019d}"
    await tab.page.wait_for_function("(newest) => window.painted.at(-1)?.[0] === newest", arg=newest)
    took = await tab.page.evaluate("window.painted.at(-1)[1] - window.begun")
    shown = await tab.page.evaluate("document.querySelector('.text').textContent.replaceAll(/\\s/g, '').length")
    assert shown == 19 * DELTAS, "the page does not show all"
    offset = await tab.page.get_attribute("[data-job]", "data-offset")
    assert int(offset or 0) > DELTAS, "deltas were merged: there are fewer events"
    return Seen([float(took)], await _longest_frame(tab))


async def _longest_frame(tab: Shown) -> float:
    return float(await tab.page.evaluate("Math.max(...window.frames)"))


def _paint_row(deltas: int, runs: list[Seen]) -> list[str]:
    p50, p99 = ([report.quantile(run.times, q) for run in runs] for q in PAINT_AIMS)
    met = report.median(p50) <= PAINT_AIMS[0.5] and report.median(p99) <= PAINT_AIMS[0.99]
    return [
        report.whole(deltas),
        report.spread(p50, report.millis),
        report.spread(p99, report.millis),
        report.spread([run.frame for run in runs], report.millis),
        ", ".join(f"{aim:.0f}" for aim in PAINT_AIMS.values()),
        report.verdict(met),
    ]


def _step_row(runs: list[list[float]]) -> list[str]:
    p50, p99 = ([report.quantile(run, q) for run in runs] for q in (0.5, 0.99))
    counts, most = [float(len(run)) for run in runs], [run[-1] for run in runs]
    return [report.spread(counts, report.whole), *(report.spread(values, report.millis) for values in (p50, p99, most))]


def _catch_up_row(how: str, runs: list[Seen]) -> list[str]:
    whole, frames = [run.times[0] for run in runs], [run.frame for run in runs]
    met = report.median(whole) <= CATCH_UP_AIM and report.median(frames) <= FRAME_AIM
    return [
        how,
        report.spread(whole, report.millis),
        report.spread(frames, report.millis),
        f"{CATCH_UP_AIM:.0f}, {FRAME_AIM:.0f}",
        report.verdict(met),
    ]


if __name__ == "__main__":
    report.main(bench, __doc__)
