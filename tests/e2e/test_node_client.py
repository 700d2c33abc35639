"""The client in Node that was written from docs/protocol.md alone: its own tests, and cut connections to a service."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.support.service import Service

EXAMPLE = Path(__file__).parents[2] / "examples" / "node-from-the-protocol"
JOBS, CUTS, SEED = 16, 200, 1
LIMIT = 45.0
"""How long, in seconds, one command may take; most of it is there for a machine with much else to do."""

pytestmark = pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="needs node and npm")


async def run(*command: str) -> str:
    """Run a command in the example's folder and return what it printed. Fails with all of it if the command does."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=EXAMPLE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(LIMIT):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        output, errors = await process.communicate()
        pytest.fail(f"{command} was not done after {LIMIT} s:\n{output.decode()}\n{errors.decode()}")
    assert process.returncode == 0, f"{command} exited with {process.returncode}:\n{output.decode()}\n{errors.decode()}"
    return output.decode()


async def install() -> None:
    """Install what the example needs, unless it is there: npm writes the file that is looked for last."""
    if not (EXAMPLE / "node_modules" / ".package-lock.json").exists():
        await run("npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts")


async def test_own_tests() -> None:
    await install()
    assert re.search(r"^# fail 0$", await run("node", "--test", "--test-reporter=tap"), re.MULTILINE)


async def test_every_event_once_through_cut_connections() -> None:
    await install()
    # A lease of the length that the service has by itself: jobs that change hands are not what this is about.
    async with await Service.start({"lease_ttl": "10s"}) as service:
        printed = await run("node", "cuts.js", service.address, str(JOBS), str(CUTS), str(SEED))
    assert re.fullmatch(rf"jobs=\d+ cuts={CUTS} events=[1-9]\d* gaps=0 repeats=0\n", printed)
