"""The examples of agents that book journeys, as processes that are killed and started again, followed to their ends."""

from __future__ import annotations

import asyncio
import difflib
import os
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from streamsvc.client import JobStream
from streamsvc.v1 import content_pb2, event_pb2, state_pb2
from tests.support.adapted import APPROVE
from tests.support.outside import AGENT
from tests.support.outside_process import ROOT, WORKERS, Outside, python
from tests.support.service import LIMIT, Service, clean_environment, client_of

QUESTION = "I want to go to Rome for two nights."


def lines_added(example: str) -> list[str]:
    """Return the lines that an example has and the framework's own hello world has not."""
    hello, worker = ((ROOT / "examples" / example / name).read_text() for name in ("hello.py", "worker.py"))
    compared = difflib.ndiff(hello.splitlines(), worker.splitlines())
    return [line for line in compared if line.startswith("+ ") and line.removeprefix("+ ").strip()]


async def hello(example: str, model_url: str, folder: Path) -> str:
    """Return what the framework's own hello world says."""
    environment = {"MODEL_URL": model_url, "JOURNEY": os.fspath(folder)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "hello.py"),
        cwd=ROOT / "examples" / example,
        env={**clean_environment(), **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), LIMIT)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def book(example: str, model_url: str, folder: Path) -> tuple[state_pb2.JobState, state_pb2.JobState]:
    """Have a room booked, by a worker that is killed in the middle of its words. Returns the states of both jobs."""
    async with (
        await Service.start({"claim_grace": "20s"}, environment=WORKERS) as service,
        client_of(service.address) as client,
    ):
        job = await client.start(QUESTION, producer=AGENT, conversation_id="c1")
        async with _worker(example, model_url, service.internal_address, folder) as worker:
            reader = client.stream(job.id, fold=True)
            async for event in reader:
                if isinstance(event, event_pb2.Event) and event.HasField("text_delta"):
                    await worker.kill()
                    break
        async with _worker(example, model_url, service.internal_address, folder):
            asked = await _followed(client.resume(reader.state()))
            answers = [
                content_pb2.InputAnswer(input_request_id=question.id, decision=APPROVE)
                for question in asked.input_requests
            ]
            goes_on = await client.answer(job.id, answers)
            return asked, await _followed(client.stream(goes_on.id, fold=True))


async def _followed(reader: JobStream) -> state_pb2.JobState:
    async for _ in reader:
        pass
    return reader.state()


def _worker(example: str, model_url: str, targets: str, folder: Path) -> AbstractAsyncContextManager[Outside]:
    environment = {"MODEL_URL": model_url, "STREAMSVC_TARGETS": targets, "JOURNEY": os.fspath(folder)}
    return python("worker.py", environment=environment, cwd=ROOT / "examples" / example)
