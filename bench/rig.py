"""A server under test and how to have a script read from it: the service or the bare one, by the same steps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from bench.child import Child
from bench.speaker import Script
from streamsvc.v1 import job_service_pb2

STREAM = "/streamsvc.v1.JobService/StreamJob"
SETTLE = 0.05
"""Seconds between the last reader's first message and the first delta."""

QUIET_NS = 1_000_000
"""A server that uses less processor time than this in SETTLE has nothing to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """One script read to its end by all readers."""

    wall: float
    cpu: float
    messages: int
    events: int
    latencies: Sequence[float]
    marks: Sequence[int]


@dataclass(frozen=True, slots=True)
class Rig:
    """A server, at `target`. `kind`: ours, bare, or built (bare, but with each event made and encoded).

    Jobs are started there, and read there too, unless `reads_at` is another instance.
    """

    server: Child
    target: str
    kind: str
    reads_at: str = ""

    def begin(self, client: Child, script: Script) -> dict[str, str]:
        """Have a script ready to be spoken. Returns the call that reads it."""
        if self.kind != "ours":
            self.server.ask("prepare", script=asdict(script), built=self.kind == "built")
            return {"target": self.target, "method": "/bare.Bare/Stream", "request": ""}
        job_id = client.ask("start", target=self.target, script=asdict(script))
        request = job_service_pb2.StreamJobRequest(job_id=job_id).SerializeToString()
        return {"target": self.reads_at or self.target, "method": STREAM, "request": request.hex()}

    def read(self, client: Child, script: Script, readers: int, mode: str = "raw") -> Run:
        """Have a script spoken to so many readers that were there before it began."""
        client.ask("open", **self.begin(client, script), readers=readers, mode=mode)
        check = script.deltas if self.kind == "ours" and mode == "raw" else 0
        return self.spoken(client, check)

    def spoken(self, client: Child, check: int = 0) -> Run:
        """Let the script begin, and wait for the end of all that `client` has opened."""
        time.sleep(SETTLE)
        before = self.server.ask("sample")
        self.server.ask("go")
        done: dict[str, Any] = client.ask("finish", check=check)
        after = self.server.ask("sample")
        return Run(
            wall=(done["end_ns"] - after["began_ns"]) / 1e9,
            cpu=(after["cpu_ns"] - before["cpu_ns"]) / 1e9,
            messages=done["messages"],
            events=done["events"],
            latencies=[ns / 1e6 for ns in done["latencies"]],
            marks=after.get("marks", ()),
        )

    def unread(self, client: Child, script: Script) -> float:
        """Have a script spoken that nobody reads. Returns the processor seconds that it took the server."""
        self.begin(client, script)
        time.sleep(SETTLE)
        before = spent = self.server.ask("sample")["cpu_ns"]
        self.server.ask("go")
        for _ in range(100):
            time.sleep(SETTLE)
            last, spent = spent, self.server.ask("sample")["cpu_ns"]
            if spent - last < QUIET_NS:
                return float(spent - before) / 1e9
        raise TimeoutError("the server does not come to rest")


@contextmanager
def ours(flush_ms: float = 10.0, lease_seconds: float = 10.0) -> Iterator[Rig]:
    """Run the service."""
    with Child("bench.server") as server:
        yield Rig(server, server.ask("listen", flush_ms=flush_ms, lease_seconds=lease_seconds), "ours")


@contextmanager
def two_of_ours(redis: str, flush_ms: float = 10.0, lease_seconds: float = 10.0) -> Iterator[Rig]:
    """Run two instances on one Redis: jobs are started and written at the one, and read at the other."""
    listen = {"flush_ms": flush_ms, "lease_seconds": lease_seconds, "redis": redis}
    with Child("bench.server") as writer, Child("bench.server") as reader:
        yield Rig(writer, writer.ask("listen", **listen), "ours", reader.ask("listen", **listen))


@contextmanager
def bare(kind: str = "bare") -> Iterator[Rig]:
    """Run the bare server."""
    with Child("bench.bare") as server:
        yield Rig(server, server.ask("listen"), kind)


@contextmanager
def clients(count: int, module: str = "bench.readers") -> Iterator[list[Child]]:
    """Run so many processes of readers."""
    with ExitStack() as stack:
        yield [stack.enter_context(Child(module)) for _ in range(count)]
