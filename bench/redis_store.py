"""The Redis store by itself: appends a second, bytes moved and kept, beside bare pipelined XADD on the same Redis."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from bench import report
from bench.report import Table
from streamsvc import codec
from streamsvc.log import Batch
from streamsvc.producers import parts
from streamsvc.store.base import Lease
from streamsvc.store.redis.links import open_link
from streamsvc.store.redis.store import RedisStore
from streamsvc.v1 import job_pb2
from tests.support import redis_servers

EVENTS = 20_000
TRAFFIC_AIMS = {1: 400, 5: 150, 20: 100}
MEMORY_AIMS = {1: 90, 5: 70, 20: 60}
BARE_PIPELINE = 16
TTL = timedelta(seconds=10)
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Cost:
    """What so many events took: seconds, processor seconds of this process, bytes to and from Redis, bytes kept."""

    seconds: float
    cpu: float
    moved: int
    kept: int


def bench(quick: bool) -> list[Table]:
    """Measure the store and bare XADD by turns."""
    rounds = 1 if quick else 5
    with redis_servers.standalone() as server:
        return asyncio.run(_bench(server, rounds))


async def _bench(server: Any, rounds: int) -> list[Table]:
    store = RedisStore(open_link(server.servers), new_epoch=lambda: os.urandom(8).hex())
    async with server.client() as client:
        tables = [await _bytes(store, client, rounds), await _speed(store, client, rounds)]
    await store.close()
    return tables


async def _bytes(store: RedisStore, client: Any, rounds: int) -> Table:
    head = ("events an append", "bytes moved an event", "aim", "", "bytes kept an event", "aim", "", "bare XADD keeps")
    table = Table("Redis: bytes an event, with one subscriber", head)
    for each in TRAFFIC_AIMS:
        ours = [await _measured(client, _appended(store, 1, each, heard=True)) for _ in range(rounds)]
        bare = [await _measured(client, _added(client, 1, each)) for _ in range(rounds)]
        moved, kept = ([getattr(cost, name) / EVENTS for cost in ours] for name in ("moved", "kept"))
        met = report.median(moved) <= TRAFFIC_AIMS[each], report.median(kept) <= MEMORY_AIMS[each]
        row = [str(each), report.spread(moved, report.whole), str(TRAFFIC_AIMS[each]), report.verdict(met[0])]
        row += [report.spread(kept, report.whole), str(MEMORY_AIMS[each]), report.verdict(met[1])]
        table.rows.append([*row, report.spread([cost.kept / EVENTS for cost in bare], report.whole)])
    table.notes += [
        f"{EVENTS:,} events of 20 bytes of text (29 bytes as frames), medians of {rounds} rounds (least to most)",
        "moved: to and from Redis by its own count, announcements to one subscriber included; kept: used_memory",
    ]
    return table


async def _speed(store: RedisStore, client: Any, rounds: int) -> Table:
    head = ("jobs at once", "appends/s", "CPU us an append", "bare XADD/s", "CPU us", "of the bare")
    table = Table("Redis: appends a second, one event each", head)
    for jobs in (1, 10, 100):
        ours, bare = [], []
        for _ in range(rounds):
            ours.append(await _measured(client, _appended(store, jobs, 1)))
            bare.append(await _measured(client, _added(client, jobs, 1)))
        speeds, ceilings = ([EVENTS / cost.seconds for cost in costs] for costs in (ours, bare))
        ratios = [speed / ceiling for speed, ceiling in zip(speeds, ceilings, strict=True)]
        row = [str(jobs), report.spread(speeds, report.whole), _micros(ours), report.spread(ceilings, report.whole)]
        table.rows.append([*row, _micros(bare), report.percent(report.median(ratios))])
    table.notes += [
        "each job appends when its last append was answered; those of all jobs share round trips",
        f"bare: XADD of the same bytes with redis-py, pipelined by {BARE_PIPELINE} for one job, else by their number",
    ]
    return table


def _micros(costs: Sequence[Cost]) -> str:
    return report.spread([cost.cpu * 1e6 / EVENTS for cost in costs], report.whole)


def _appended(store: RedisStore, jobs: int, each: int, *, heard: bool = False) -> Callable[[], Awaitable[None]]:
    batches = _batches(EVENTS // jobs, each)

    async def work() -> None:
        leases = [await _begin(store) for _ in range(jobs)]
        if not heard:
            await asyncio.gather(*(_say(store, lease, batches) for lease in leases))
            return
        async with store.watch(leases[0].job_id) as announcements:
            hearing = asyncio.create_task(_hear(announcements, batches[-1].last))
            await _say(store, leases[0], batches)
            await hearing

    return work


async def _begin(store: RedisStore) -> Lease:
    job = job_pb2.Job(id=f"{next(_numbers):032x}", owner="bench", status=job_pb2.JOB_STATUS_PENDING)
    job.retention.FromTimedelta(timedelta(hours=1))
    first = Batch("first", 0, _frames(0, 1), 1, 1)
    created = await store.create(job, b"", first, digest=b"", ttl=TTL)
    assert created.lease is not None
    return created.lease


async def _say(store: RedisStore, lease: Lease, batches: Sequence[Batch]) -> None:
    for batch in batches:
        await store.append(lease, batch)


async def _hear(announcements: Any, last: int) -> None:
    async for announcement in announcements:
        if announcement.last == last:
            return


def _added(client: Any, jobs: int, each: int) -> Callable[[], Awaitable[None]]:
    batches = _batches(EVENTS // jobs, each)
    width = BARE_PIPELINE if jobs == 1 else jobs

    async def work() -> None:
        keys = [f"bare:{next(_numbers)}" for _ in range(jobs)]
        calls = [(key, batch) for batch in batches for key in keys]
        for begin in range(0, len(calls), width):
            pipeline = client.pipeline(transaction=False)
            for key, batch in calls[begin : begin + width]:
                pipeline.xadd(key, {"f": batch.frames}, id=f"{batch.last}-0")
            await pipeline.execute()

    return work


def _batches(events: int, each: int) -> list[Batch]:
    return [Batch("first", after, _frames(after, each), after + each, 1) for after in range(1, events + 1, each)]


def _frames(after: int, events: int) -> bytes:
    return codec.encode([parts.text_delta(0, f"{after:019d} ") for _ in range(events)], after)


async def _measured(client: Any, work: Callable[[], Awaitable[None]]) -> Cost:
    await client.flushall()
    before = await _figures(client)
    began, spent = time.perf_counter(), time.process_time()
    await work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - spent
    moved, kept = (after - first for after, first in zip(await _figures(client), before, strict=True))
    return Cost(seconds, cpu, moved, kept)


async def _figures(client: Any) -> tuple[int, int]:
    stats, memory = await client.info("stats"), await client.info("memory")
    return stats["total_net_input_bytes"] + stats["total_net_output_bytes"], memory["used_memory"]


if __name__ == "__main__":
    report.main(bench, __doc__)
