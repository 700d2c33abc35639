"""The real service: as a process from the command line, or as an App inside a test."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from streamsvc.client import Client, ClientOptions
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.options import JobOptions
from streamsvc.producers.base import Producer
from streamsvc.producers.scripted import Scripted
from streamsvc.server.app import App, ServerOptions
from streamsvc.store.memory import MemoryStore

LIMIT = 20.0
"""How long, in seconds, anything may take that a process must do."""

QUICK = {"lease_ttl": "1s", "reaper_interval": "200ms", "poll_interval": "100ms"}
"""Settings under which nothing takes long."""

GIVING_BACK = {"MALLOC_MMAP_THRESHOLD_": "16384", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""For glibc: what is freed goes back to the system at once, so that what a process holds is what it needs."""


def clean_environment() -> dict[str, str]:
    """Return the environment of this process without anything that would set up the service."""
    unwanted = ("STREAMSVC_", "OPENAI_", "ANTHROPIC_", "USE_REDIS", "REDIS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


class Service:
    """`streamsvc serve` as a process of its own. `log` holds what it wrote to standard error."""

    def __init__(self, process: asyncio.subprocess.Process, directory: tempfile.TemporaryDirectory[str]) -> None:
        self._process = process
        self._directory = directory
        self.address = ""
        self.internal_address = ""
        self.log: deque[str] = deque(maxlen=100_000)
        self._said = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls,
        settings: Mapping[str, str] | None = None,
        *,
        listen: str = "127.0.0.1:0",
        internal_listen: str = "127.0.0.1:0",
        environment: Mapping[str, str] | None = None,
    ) -> Service:
        """Start it, and wait until it is healthy."""
        given = {"listen": listen, "internal_listen": internal_listen, **QUICK, **(settings or {})}
        options = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value)]
        directory = tempfile.TemporaryDirectory(prefix="streamsvc-")  # no streamsvc.toml in it
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streamsvc", "serve", *options),
            cwd=directory.name,
            env={**clean_environment(), **(environment or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        service = cls(process, directory)
        try:
            found = await service.logged(r"listening on (\S+) \(for processes that write jobs: ([^;]+);")
            service.address, service.internal_address = found[1], found[2]
            await healthy(service.address)
        except BaseException:
            await service.kill()
            raise
        return service

    async def __aenter__(self) -> Service:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def text(self) -> str:
        """All that it wrote to standard error."""
        return "\n".join(self.log)

    @property
    def resident_bytes(self) -> int:
        """How much memory it holds."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    async def logged(self, pattern: str) -> re.Match[str]:
        """Wait until it has written a line like this. Fails if it ends, or does not within the limit."""
        async with asyncio.timeout(LIMIT):
            while True:
                self._said.clear()
                if found := re.search(pattern, self.text):
                    return found
                if self._listening.done():
                    raise AssertionError(f"the service ended without {pattern!r}:\n{self.text}")
                await self._said.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        async with asyncio.timeout(LIMIT):
            code = await self._process.wait()
            await self._listening
        self._directory.cleanup()
        return code

    async def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """End it at once, in whatever state it is."""
        with suppress(ProcessLookupError):
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
        await self.ended()

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.log.append(line.decode(errors="replace").rstrip("\n"))
            self._said.set()
        self._said.set()


async def health(address: str, service: str = "") -> int:
    """Return the health of a service, as gRPC has it."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=LIMIT, wait_for_ready=True)
    return int(answer.status)


async def healthy(address: str) -> None:
    """Wait until a service is ready. Fails if that takes longer than the limit."""
    async with asyncio.timeout(LIMIT), grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watching = stub.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)
        async for answer in watching:
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                watching.cancel()
                return


@asynccontextmanager
async def app(
    producers: Mapping[str, Producer] | None = None,
    *,
    server: ServerOptions | None = None,
    max_store_bytes: int = 1024**3,
    **options: Any,
) -> AsyncIterator[tuple[App, str]]:
    """Run an App here, over a memory store, and give its address. `options` are those of JobOptions."""
    quick = {
        "lease_ttl": timedelta(seconds=1),
        "reaper_interval": timedelta(milliseconds=200),
        "poll_interval": timedelta(milliseconds=100),
    }
    chance = Chance()
    store = MemoryStore(clock=chance.clock, new_epoch=chance.new_epoch, max_bytes=max_store_bytes)
    running = App(
        store,
        producers or {"scripted": Scripted()},
        JobOptions(**{**quick, **options}),
        server or ServerOptions(listen="127.0.0.1:0"),
        chance,
    )
    address = await running.start()
    try:
        yield running, address
    finally:
        await running.jobs.drain(timedelta())
        await running.kill()


@asynccontextmanager
async def client_of(*addresses: str, **options: Any) -> AsyncIterator[Client]:
    """Open a client of one or several instances that is as quick as the service under test."""
    quick = {"heartbeat_interval": timedelta(seconds=1), "give_up_after": timedelta(seconds=30)}
    async with Client(*addresses, options=ClientOptions(**{**quick, **options})) as client:
        yield client
