"""Each family's producer, from an upstream that sends as fast as it is read: chunks a second, and what one costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

import uvloop

from bench import report
from bench.child import Child
from bench.flood import STREAMS, TEXT
from bench.report import Table
from streamsvc.producers import registry
from streamsvc.producers.base import Finished, Notes, Producer
from streamsvc.producers.registry import Timeouts, UpstreamConfig
from streamsvc.v1 import content_pb2, job_service_pb2

AIM = 10_000
"""Chunks a second on one core."""

HEAD = ("producer", "chunks/s", "CPU us a chunk", "aim chunks/s", "")
LIMIT = timedelta(minutes=1)
REQUEST = job_service_pb2.StartGenerationRequest(
    model="told",
    messages=[
        content_pb2.ChatMessage(
            role=content_pb2.ROLE_USER, parts=[content_pb2.ContentPart(text=content_pb2.TextPart(text="hi"))]
        )
    ],
)


def bench(quick: bool) -> list[Table]:
    """Measure the families by turns."""
    rounds, deltas = (1, 5_000) if quick else (7, 50_000)
    table = Table("One answer, read by its producer alone", HEAD)
    runs: dict[str, list[tuple[float, float]]] = {family: [] for family in STREAMS}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for _ in range(rounds):
            for family, measured in runs.items():
                with Child("bench.flood") as flood:
                    port = flood.ask("listen", family=family, deltas=deltas)
                    measured.append(runner.run(_run(family, port, deltas)))
    table.rows += [_row(family, measured) for family, measured in runs.items()]
    table.notes += [
        f"{deltas} chunks of text a run, one event each, as the services write them; medians of {rounds} runs",
        "the upstream is a process of its own; CPU is the producer's process's, from the request to the last item",
        "events are taken from the iterator and dropped: no runner, no store",
    ]
    return [table]


async def _run(family: str, port: int, deltas: int) -> tuple[float, float]:
    """Return chunks a second, and CPU seconds a chunk."""
    config = UpstreamConfig(family, f"http://127.0.0.1:{port}/v1")
    producers = registry.build({family: config}, Timeouts(LIMIT, LIMIT, LIMIT))
    await _said(producers[family])  # warms up: the package makes its client with the first request
    began, cpu = time.perf_counter(), time.process_time()
    said = await _said(producers[family])
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    await registry.close(producers)
    assert said == deltas * len(TEXT), "text was lost"
    return deltas / wall, cpu / deltas


async def _said(producer: Producer) -> int:
    """Return how many characters an answer has."""
    said = 0
    async for item in producer.generate(REQUEST, None, Notes()):
        if not isinstance(item, Finished):
            said += len(item.text_delta.text)
    return said


def _row(family: str, runs: Sequence[tuple[float, float]]) -> list[str]:
    rates, cpu = zip(*runs, strict=True)
    return [
        family,
        report.spread(rates, report.whole),
        report.spread([seconds * 1e6 for seconds in cpu], "{:.1f}".format),
        report.whole(AIM),
        report.verdict(report.median(rates) >= AIM),
    ]


if __name__ == "__main__":
    report.main(bench, __doc__)
