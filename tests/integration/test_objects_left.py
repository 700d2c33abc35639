"""Of jobs that are gone no object is left in the process: what it holds is the same after every round of jobs."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import Counter
from datetime import timedelta

import pytest

from streamsvc.client import Client
from streamsvc.errors import JobNotFound
from streamsvc.server.app import ServerOptions
from tests.support.counting import counting
from tests.support.events import scripted
from tests.support.following import Follower
from tests.support.service import app, client_of

JOBS = 30
RETENTION = timedelta(milliseconds=500)
LIMIT = 20.0
REMEMBERED = {"_Removed": JOBS, "Job": JOBS}
"""Of each job, its id: those who watch are told what is gone. The store remembers so many of them."""


@pytest.mark.asyncio
async def test_of_jobs_that_are_gone_no_object_is_left() -> None:
    async with app(retention=RETENTION) as (_, address), client_of(address) as client:
        await live_and_go(client)  # what is made once, at the first use
        before = await settled(client)
        await live_and_go(client)
        grown = await settled(client) - before
    assert grown == REMEMBERED


@pytest.mark.parametrize("internal_listen", ["none", "127.0.0.1:0"])
def test_of_a_service_that_stopped_no_server_is_left_that_did_not(
    internal_listen: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        said.append(str(record.msg))
        return False

    grpc_log = logging.getLogger("grpc._cython.cygrpc")
    monkeypatch.setattr(grpc_log, "filters", [note])
    gc.collect()
    with caplog.at_level(logging.DEBUG, grpc_log.name):
        said.clear()
        asyncio.run(serve_a_job(ServerOptions(listen="127.0.0.1:0", internal_listen=internal_listen)))
        gc.collect()
    assert said
    assert not [text for text in said if text.startswith("__dealloc__")]


async def serve_a_job(server: ServerOptions) -> None:
    """Have a service begin, serve and stop."""
    async with app(server=server) as (_, address), client_of(address) as client:
        await client.start_request(scripted(tokens=1))


async def live_and_go(client: Client) -> None:
    """Have jobs come to all the ends there are, with readers."""
    scripts = (counting(5, 0), counting(1000, 10), scripted(tokens=5, fail_after=3))
    jobs = [await client.start_request(scripts[number % len(scripts)]) for number in range(JOBS)]
    readers = [Follower(client, job.id, "reader") for job in jobs for _ in range(2)]
    for job in jobs[1 :: len(scripts)]:
        await client.cancel(job.id)
    await asyncio.gather(*[reader.done() for reader in readers])
    async with asyncio.timeout(LIMIT):
        for job in jobs:
            while await there(client, job.id):  # noqa: ASYNC110 # nobody tells of it
                await asyncio.sleep(0.05)


async def there(client: Client, job_id: str) -> bool:
    """Tell whether a job can be asked for."""
    try:
        await client.state(job_id)
    except JobNotFound:
        return False
    return True


async def settled(client: Client) -> Counter[str]:
    """Count the service's objects once nothing is on its way out any more: twice the same, a call apart."""
    counted = None
    async with asyncio.timeout(LIMIT):
        while counted != (counted := census()):
            await asyncio.sleep(1.0)  # longer than the service's own timers
            assert [job async for job in client.jobs()] == []
    return counted


def census() -> Counter[str]:
    """Count what lives, by the names of the service's own types."""
    gc.collect()
    kinds = map(type, gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("streamsvc."))
