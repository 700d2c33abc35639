"""The example's AG-UI endpoint, on the real service: AG-UI's own client follows a run, also one that it has left."""

from __future__ import annotations

import asyncio
import difflib
import json
from contextlib import aclosing
from typing import Any

import httpx2

from streamsvc.adapters.ag_ui import events_of
from streamsvc.v1 import job_pb2
from tests.support.service import Service, client_of
from tests.support.uvicorn_process import ROOT, served

EXAMPLE = ROOT / "examples" / "ag-ui"
FOLLOW = ROOT / "web" / "test" / "unit" / "ag-ui-follow.js"
MOST_LINES = 15
"""How many lines the endpoint may need beyond the framework's own hello world."""


def asked(run_id: str) -> dict[str, Any]:
    """Return what a client of AG-UI sends."""
    messages = [
        {"id": "u1", "role": "user", "content": "Hello"},
        {"id": "a1", "role": "assistant", "content": "Hello!"},
        {"id": "u2", "role": "user", "content": "Count, please"},
    ]
    return {"threadId": "t", "runId": run_id, "messages": messages, "tools": [], "context": []}


async def follow(address: str, run: dict[str, Any]) -> dict[str, Any]:
    """Have AG-UI's own client follow a run to its end. Returns what it has then."""
    follower = await asyncio.create_subprocess_exec(
        *("node", str(FOLLOW), f"http://{address}/", json.dumps(run)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(50):
        out, err = await follower.communicate()
    assert follower.returncode == 0, err.decode()
    shown: dict[str, Any] = json.loads(out)
    return shown


async def test_a_client_leaves_and_comes_back_with_what_it_has_of_the_answer() -> None:
    async with (
        await Service.start() as service,
        served("server:app", EXAMPLE, STREAMSVC_TARGET=service.address) as address,
    ):
        run = asked("r1")
        heard = await hear_some(address, run)
        run["messages"].append({"id": heard["messageId"], "role": "assistant", "content": heard["delta"]})
        shown = await follow(address, run)
        async with client_of(service.address) as client:
            (job,) = [job async for job in client.jobs(conversation_id="t")]
            state = await client.state(job.id)
    assert job.status == job_pb2.JOB_STATUS_COMPLETED
    assert [message["content"] for message in shown["messages"][:3]] == ["Hello", "Hello!", "Count, please"]
    assert [message["content"] for message in shown["messages"][3:]] == [part.text.text for part in state.parts]
    assert state.parts


async def hear_some(address: str, run: dict[str, Any]) -> dict[str, Any]:
    """Follow a run to its first text, and leave. Returns that text's event."""
    async with (
        httpx2.AsyncClient(timeout=20) as http,
        http.stream("POST", f"http://{address}/", json=run) as response,
        aclosing(events_of(response.aiter_lines())) as events,
    ):
        async for event in events:
            if event.type.value == "TEXT_MESSAGE_CONTENT":
                return event.model_dump(mode="json", by_alias=True)
    raise AssertionError("the run ended without a text")


async def test_the_hello_world_of_ag_ui_says_hello() -> None:
    async with served("hello:app", EXAMPLE) as address:
        shown = await follow(address, asked("r1"))
    assert shown["messages"][-1] == {"id": "m1", "role": "assistant", "content": "Hello"}


def test_the_endpoint_needs_few_lines_beyond_the_hello_world_of_ag_ui() -> None:
    hello, ours = ((EXAMPLE / name).read_text().splitlines() for name in ("hello.py", "server.py"))
    added = [line for line in difflib.ndiff(hello, ours) if line.startswith("+ ") and line[2:].strip()]
    assert 0 < len(added) <= MOST_LINES, added
