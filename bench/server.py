"""The service as `streamsvc serve` runs it, in a process of its own, with a producer that speaks when told."""

from __future__ import annotations

import logging
import os
import time
from datetime import timedelta
from typing import Any

from bench import worker
from bench.speaker import Speaker
from streamsvc.cli.logs import set_up
from streamsvc.jobs.chance import Chance
from streamsvc.jobs.options import JobOptions
from streamsvc.server.app import App, ServerOptions
from streamsvc.store.base import Store
from streamsvc.store.memory import MemoryStore
from streamsvc.store.redis.links import open_link
from streamsvc.store.redis.store import RedisStore
from streamsvc.store.redis.uri import parse

_running: list[App] = []
_speaker = Speaker()


async def listen(flush_ms: float, lease_seconds: float = 10.0, redis: str = "") -> str:
    """Start the service on a free port, over the Redis of this URI or in memory, and return its address."""
    chance = Chance()
    store = _store(redis, chance)
    jobs = JobOptions(
        flush_interval=timedelta(milliseconds=flush_ms),
        lease_ttl=timedelta(seconds=lease_seconds),
        checkpoint_bytes=256 * 1024 if redis else 0,
    )
    app = App(store, {_speaker.name: _speaker}, jobs, ServerOptions(listen="127.0.0.1:0"), chance)
    _running.append(app)
    return await app.start()


def _store(redis: str, chance: Chance) -> Store:
    if redis:
        return RedisStore(open_link(parse(redis)), new_epoch=chance.new_epoch)
    return MemoryStore(clock=time.monotonic, new_epoch=chance.new_epoch)


def _log_to_nowhere() -> None:
    """Have the service's log written as ever, but not over the tables."""
    set_up("text")
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(open(os.devnull, "w"))  # noqa: SIM115


async def go() -> None:
    """Have the job that waits speak."""
    await _speaker.go()


async def sample() -> dict[str, Any]:
    """Return the processor time so far, and what the speaker noted."""
    return {"cpu_ns": time.process_time_ns(), "began_ns": _speaker.began_ns, "marks": _speaker.marks}


if __name__ == "__main__":
    _log_to_nowhere()
    worker.main({"listen": listen, "go": go, "sample": sample})
