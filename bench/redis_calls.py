"""One call to Redis three ways: over the store's lane, over redis-py's pipelines, and over redis-py one by one."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import uvloop
from redis.asyncio import Redis

from bench import report
from bench.report import Table
from streamsvc.store.redis.dialer import Dialer
from streamsvc.store.redis.failures import Address
from streamsvc.store.redis.lane import Lane
from streamsvc.store.redis.scripts import Script
from tests.support.redis_process import HOST
from tests.support.redis_servers import standalone

CALLERS = (1, 100)
HEAD = ("way", "callers", "calls/s", "CPU us a call", "connections")

_SOURCE = b"#!lua flags=no-writes\nreturn ARGV[1]"
_ECHO = Script("echo", _SOURCE, hashlib.sha1(_SOURCE).hexdigest().encode())
_KEY = b"ss:{0123456789abcdef0123456789abcdef}:job"
_ARGUMENT = bytes(200)

Call = Callable[[], Awaitable[bytes]]
Way = Callable[[Address], AbstractAsyncContextManager[Call]]


class Gathered:
    """redis-py's pipelines, filled as the lane is: while one is under way, the next gathers."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._waiting: list[asyncio.Future[bytes]] = []
        self._task: asyncio.Task[None] | None = None

    async def call(self) -> bytes:
        """Return what the script answers."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._waiting.append(future)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            sent, self._waiting = self._waiting, []
            async with self._client.pipeline(transaction=False) as pipeline:
                for _ in sent:
                    pipeline.evalsha(_ECHO.sha.decode(), 1, _KEY, _ARGUMENT)
                replies = await pipeline.execute()
            for future, reply in zip(sent, replies, strict=True):
                future.set_result(reply)
            await asyncio.sleep(0)  # those who have just been answered may have more to say


@asynccontextmanager
async def lane(address: Address) -> AsyncIterator[Call]:
    """Call as the store does."""
    lane = Lane(partial(Dialer("", "").dial, address))
    try:
        yield lambda: lane.run(_ECHO, [_KEY], [_ARGUMENT])
    finally:
        await lane.close()


@asynccontextmanager
async def pipelines(address: Address) -> AsyncIterator[Call]:
    """Call over redis-py, gathered."""
    async with _client(address) as client:
        yield Gathered(client).call


@asynccontextmanager
async def one_by_one(address: Address) -> AsyncIterator[Call]:
    """Call over redis-py, each caller over a connection from the pool."""
    async with _client(address) as client:
        yield partial(client.evalsha, _ECHO.sha.decode(), 1, _KEY, _ARGUMENT)


WAYS: dict[str, Way] = {"lane": lane, "redis-py, pipelines": pipelines, "redis-py, one by one": one_by_one}


def bench(quick: bool) -> list[Table]:
    """Measure the three by turns."""
    rounds, calls = (1, 2_000) if quick else (7, 20_000)
    table = Table("Calls of a script that returns its argument of 200 bytes", HEAD)
    with standalone() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for callers in CALLERS:
            runs: dict[str, list[tuple[float, float, int]]] = {name: [] for name in WAYS}
            for _ in range(rounds):
                for name, way in WAYS.items():
                    runs[name].append(runner.run(_run(way, (HOST, server.port), callers, calls)))
            table.rows += [_row(name, callers, measured) for name, measured in runs.items()]
    table.notes += [
        f"{calls} calls a run after a tenth of that, medians of {rounds} runs (least to most), the ways by turns",
        "callers are tasks of one process, each calls again when it was answered; CPU is that process's, on uvloop",
        "redis-py with hiredis and RESP2, as the lane, and with its own bounds on waiting",
    ]
    return [table]


async def _run(way: Way, address: Address, callers: int, calls: int) -> tuple[float, float, int]:
    """Return calls a second, CPU seconds a call, and how many connections there were."""
    async with _client(address) as console, way(address) as call:
        await console.script_load(_SOURCE.decode())
        await _crowd(call, callers, calls // 10)
        began, cpu = time.perf_counter(), time.process_time()
        await _crowd(call, callers, calls)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        connections = (await console.info("clients"))["connected_clients"] - 1
    return calls / wall, cpu / calls, connections


async def _crowd(call: Call, callers: int, calls: int) -> None:
    async def caller() -> None:
        for _ in range(calls // callers):
            assert await call() == _ARGUMENT

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())


def _row(name: str, callers: int, runs: Sequence[tuple[float, float, int]]) -> list[str]:
    rates, cpu, connections = zip(*runs, strict=True)
    return [
        name,
        str(callers),
        report.spread(rates, report.whole),
        report.spread([seconds * 1e6 for seconds in cpu], "{:.1f}".format),
        str(max(connections)),
    ]


def _client(address: Address) -> Redis:
    host, port = address
    return Redis(host=host, port=port, protocol=2)


if __name__ == "__main__":
    report.main(bench, __doc__)
