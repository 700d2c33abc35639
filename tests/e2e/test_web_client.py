"""The browser client: its own tests, and the client in Node against the service, through cut connections too."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from tests.support.proxy import Proxy
from tests.support.service import Service

WEB = Path(__file__).parents[2] / "web"
CUTS = 200
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


async def test_against_the_service_through_cut_connections() -> None:
    # A lease of the length that the service has by itself: jobs that change hands are not what this is about.
    async with await Service.start({"lease_ttl": "10s"}) as service:
        proxy = Proxy(service.address, random=Random(1), cuts=10 * CUTS, cut_after=(400, 20_000))
        async with proxy:
            addresses = {"SERVICE_ADDRESS": service.address, "CUT_ADDRESS": proxy.address}
            await npm("run", "test:service", environment=addresses)
        assert proxy.cut >= CUTS
        assert "Traceback" not in service.text
