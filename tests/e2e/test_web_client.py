"""The browser client: its own tests, and the client in Node through Envoy, over connections that are cut too."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random

import pytest

from tests.support.envoy_process import EnvoyProcess
from tests.support.events import scripted
from tests.support.proxy import Proxy
from tests.support.service import Service, client_of

WEB = Path(__file__).parents[2] / "web"
CUTS = 1000
CUTS_BEHIND = 50
"""How many of them are between Envoy and the service, where one breaks the calls of all readers."""
BEFORE = (400, 20_000)
BEHIND = (2_000, 400_000)
"""After how many bytes, at least and at most."""
LIMIT = 100.0
"""How long, in seconds, one command may take; most of it is there for a machine with much else to do."""

pytestmark = pytest.mark.timeout(2 * LIMIT + 20)


async def npm(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run npm in web/. Fails with all that it printed if it does, or if there is no npm."""
    try:
        process = await asyncio.create_subprocess_exec(
            *("npm", *arguments),
            cwd=WEB,
            env={**os.environ, **(environment or {})},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except FileNotFoundError:
        pytest.fail("the browser client needs Node 20 or newer with npm, and there is no npm")
    try:
        async with asyncio.timeout(LIMIT):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        output, _ = await process.communicate()
        pytest.fail(f"npm {arguments} was not done after {LIMIT} s:\n{output.decode()}")
    assert process.returncode == 0, f"npm {arguments} exited with {process.returncode}:\n{output.decode()}"


@pytest.fixture(autouse=True)
async def installed() -> None:
    """Install what the client needs, unless it is there: npm writes the file that is looked for last."""
    if not (WEB / "node_modules" / ".package-lock.json").exists():
        await npm("ci", "--no-audit", "--no-fund")


async def test_own_tests() -> None:
    await npm("test")


async def test_it_adds_no_more_than_40_kilobytes_to_a_page() -> None:
    await npm("run", "size")


async def test_against_the_service() -> None:
    async with await Service.start() as service, _edge(service.address) as edge:
        await npm("run", "test:service", "--", "service.test", environment={"EDGE_ADDRESS": edge.address})
        assert "Traceback" not in service.text


async def test_a_thousand_random_cuts(record_property: Callable[[str, object], None]) -> None:
    # A lease of the length that the service has by itself: jobs that change hands are not what this is about.
    async with (
        await Service.start({"lease_ttl": "10s"}) as service,
        _cutting(service.address, BEHIND) as behind,
        _edge(behind.address) as edge,
        _cutting(edge.address, BEFORE) as before,
        client_of(service.address) as client,
    ):
        until = await client.start_request(scripted(tokens=1, hang_after=0))
        cutting = asyncio.create_task(_cut_enough(before, behind, lambda: client.cancel(until.id)))
        addresses = {"CUT_ADDRESS": before.address, "EDGE_ADDRESS": edge.address, "UNTIL_JOB": until.id}
        await npm("run", "test:service", "--", "cuts.test", environment=addresses)
        await cutting
        assert "Traceback" not in service.text
    record_property("cuts", before.cut + behind.cut)
    assert before.cut + behind.cut >= CUTS


def _edge(address: str) -> EnvoyProcess:
    return EnvoyProcess([address], stream_idle_timeout=60)


def _cutting(target: str, after: tuple[int, int]) -> Proxy:
    return Proxy(target, random=Random(1), cuts=10 * CUTS, cut_after=after)


async def _cut_enough(before: Proxy, behind: Proxy, then: Callable[[], Awaitable[object]]) -> None:
    while before.cut < CUTS - CUTS_BEHIND or behind.cut < CUTS_BEHIND:  # noqa: ASYNC110 # nobody tells of it
        await asyncio.sleep(0.05)
    before.cuts_left = behind.cuts_left = 0
    await then()
