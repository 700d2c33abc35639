"""The README's blocks, run as they stand against the real model; only addresses and ids are put in."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamsvc import settings
from streamsvc.client import Client
from streamsvc.v1 import job_service_pb2
from tests.support.redis_process import free_port
from tools.stack import service

pytestmark = pytest.mark.model

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
ADDRESS = "127.0.0.1:50051"
LIMIT_SECONDS = 50


def blocks(language: str, containing: str) -> str:
    """Return the README's block of this language that contains these words."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return next(block for block in found if containing in block)


async def run(*command: str, address: str, cwd: Path = ROOT) -> str:
    """Run a command against the service and return what it printed. Fails if it does."""
    environment = {**os.environ, "STREAMSVC_TARGET": address}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode == 0, f"{command}: {err.decode()}"
    return out.decode()


def lines(block: str, program: str, job_id: str, epoch: str) -> list[list[str]]:
    """Return the block's commands of `program`, with this job in them."""
    named = block.replace("JOB_ID", job_id).replace("EPOCH", epoch)
    commands = [shlex.split(line, comments=True) for line in named.splitlines() if line.startswith(program)]
    return [[str(BIN / program), *command[1:]] for command in commands]


@pytest.fixture
async def address(model_url: str) -> AsyncIterator[str]:
    """Run the service over the model."""
    async with service(f"127.0.0.1:{free_port()}", model_url) as listening:
        yield listening


@pytest.fixture
async def ended(address: str) -> tuple[str, str]:
    """Return the id and the epoch of a job that has ended."""
    async with Client(address) as client:
        parameters = job_service_pb2.GenerationParameters(max_tokens=24)
        job = await client.start("Why is the sky blue?", parameters=parameters)
        stream = client.stream(job.id)
        async for _ in stream:
            pass
        return job.id, stream.cursor.epoch


async def test_the_python_block_prints_an_answer(address: str, tmp_path: Path) -> None:
    script = tmp_path / "readme.py"
    script.write_text(blocks("python", "asyncio.run").replace(ADDRESS, address))
    printed = await run(sys.executable, str(script), address=address)
    assert "after 0 reconnects" in printed
    assert len(printed) > 60


async def test_the_grpcurl_block_works_without_the_protos(address: str, ended: tuple[str, str]) -> None:
    for command in lines(blocks("sh", "grpcurl").replace(ADDRESS, address), "grpcurl", *ended):
        printed = await run(*command, address=address)
        assert printed.strip().startswith("{")


async def test_the_terminal_block_works(address: str, ended: tuple[str, str]) -> None:
    commands = lines(blocks("sh", "follow JOB_ID"), "streamsvc", *ended)
    assert len(commands) >= 6
    for command in commands:
        if command[1] not in ("serve", "watch", "delete"):
            assert await run(*command, address=address)


async def test_the_file_of_upstreams_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / settings.FILE).write_text(blocks("toml", "[upstreams"))
    monkeypatch.chdir(tmp_path)
    loaded, sources = settings.load({})
    assert list(loaded.upstreams) == ["ollama", "openrouter"]
    assert sources["upstreams"] == settings.FILE


async def test_following_as_json_is_one_object_a_line(address: str, ended: tuple[str, str]) -> None:
    printed = await run(str(BIN / "streamsvc"), "follow", ended[0], "--json", address=address)
    events = [json.loads(line)["event"] for line in printed.splitlines()]
    assert [event["offset"] for event in events] == list(range(1, len(events) + 1))


async def test_with_redis_the_answer_goes_on_when_its_writer_is_killed(tmp_path: Path) -> None:
    script = blocks("sh", "redis-server")
    ports = {port: str(free_port()) for port in ("6379", "50051", "50061")}
    for port, free in ports.items():
        script = script.replace(port, free)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    environment |= {"STREAMSVC_LISTEN": f"127.0.0.1:{ports['50051']}", "STREAMSVC_LEASE_TTL": "2s"}
    with (tmp_path / "answer").open("wb") as answer:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", script), cwd=tmp_path, env=environment, stdout=answer, start_new_session=True
        )
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            assert await process.wait() == 0
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # what the block leaves running
    *_, said, gone_on, _ = (tmp_path / "answer").read_text().split("\n")
    assert said
    assert gone_on
    assert len(f"{said} {gone_on}".split()) == 100
