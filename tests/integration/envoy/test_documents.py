"""What README.md and docs/http.md show, run as it stands: only addresses and ids are put in."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.integration.envoy.conftest import Edge
from tests.support.commands import run, start
from tests.support.events import scripted
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).resolve().parents[3]
FOLLOW = Path(__file__).with_name("follow.js")

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


async def test_the_curl_block_of_the_readme_works(edge: Edge) -> None:
    found: list[str] = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    block = next(block for block in found if "curl -N" in block)
    async with client_of(edge.envoy.address) as client:
        job = await client.start_request(scripted(tokens=20, rate=0))
        stream = client.stream(job.id)
        async for _ in stream:
            pass
    named = block.replace("JOB_ID", job.id).replace("EPOCH", stream.cursor.epoch)
    commands = [line for line in named.splitlines() if line.startswith("curl")]
    assert len(commands) >= 6
    for command in commands:
        words = shlex.split(command.replace("localhost:8080", edge.envoy.address), comments=True)
        ran = await run(words[0], "--silent", "--fail-with-body", *words[1:])
        assert ran.code == 0, f"{command}: {ran.out} {ran.err}"
        for line in ran.out.split("\n\n"):
            assert not line or json.loads(line.removeprefix("data: ")) is not None


@needs_node
async def test_the_handler_for_pages_shows_each_event_once_when_envoy_restarts(edge: Edge) -> None:
    async with client_of(edge.envoy.address) as client:
        job = await client.start_request(scripted(tokens=100, rate=50))
        page = await start("node", str(FOLLOW), str(ROOT / "docs" / "http.md"), edge.envoy.url, job.id)
        await page.until("event 20 ")
        await edge.envoy.kill()
        await edge.envoy.start()
        ran = await page.ended()
        state = await client.state(job.id)
    *events, end = [line.split() for line in ran.out.splitlines()]
    assert [(kind, int(offset)) for kind, offset, _ in events] == [("event", n + 1) for n in range(state.offset)]
    assert events[-1][2] == "job_completed"
    assert end == ["end", "true"]


@needs_node
async def test_the_handler_for_pages_ends_where_there_is_no_such_job(edge: Edge) -> None:
    page = await start("node", str(FOLLOW), str(ROOT / "docs" / "http.md"), edge.envoy.url, "0" * 32)
    assert (await page.ended()).out == "end false\n"
