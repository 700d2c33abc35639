"""The example's LangGraph agent, with a real model, is killed and started again, and asks: two tabs show it as one."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from playwright.async_api import Locator

from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from tests.support.fleet import Instance, fleet
from tests.support.langgraph_worker import EXAMPLE, worker
from tests.support.outside_process import Outside, internal
from tests.support.page import Shown, asks, before
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]

QUESTION = "The beans look thirsty. Please look after them."
PATIENCE_MS = 120_000.0
"""How long an agent with a model may take for anything on a busy machine, in ms."""


async def test_an_agent_is_killed_twice_and_asks_and_two_tabs_show_one_conversation(
    model_url: str, tmp_path: Path
) -> None:
    async with (
        fleet(*2 * [shared().uri], environment=asks(model_url, "smollm2"), claim_grace="60s") as instances,
        before([one.address for one in instances]) as there,
        await there.profile() as profile,
    ):
        profile.set_default_timeout(PATIENCE_MS)
        first = await Shown.open(profile, there.envoy.tls_url)
        async with agent(instances, model_url, tmp_path) as dying:
            job_id, conversation = await first.ask(QUESTION, "Agent")
            await first.said_something()
            await dying.kill()
        second = await Shown.open(profile, there.envoy.tls_url, conversation)
        tabs = (first, second)
        async with agent(instances, model_url, tmp_path) as dying:
            for tab in tabs:
                await ask_of(tab).get_by_role("button", name="Approve").wait_for()
            await first.keep("langgraph-asks")
            await ask_of(second).get_by_role("button", name="Approve").click()
            for tab in tabs:
                await ask_of(tab).get_by_text("Approved", exact=True).wait_for()
            await second.page.locator(".goes-on .text").wait_for()
            await dying.kill()
        async with agent(instances, model_url, tmp_path):
            asked, events = await told(instances[1], job_id)
            goes_on = await next_of(instances[1], conversation, job_id)
            done, more = await told(instances[0], goes_on)
            for tab in tabs:
                await shows(tab, asked, events)
                await shows(tab, done, more)
            for tab, name in zip(tabs, ("langgraph-first-tab", "langgraph-second-tab"), strict=True):
                await tab.keep(name)
        as_it_must_be(asked, done)
        assert len((tmp_path / "watered.txt").read_text().splitlines()) == 1


async def test_the_hello_world_of_langgraph_runs_without_a_service(model_url: str, tmp_path: Path) -> None:
    hello = os.fspath(EXAMPLE / "hello.py")
    async with worker(hello, MODEL_URL=model_url, GARDEN=os.fspath(tmp_path)) as alone:
        assert await alone.ended() == 0, alone.errors
        assert "moisture" in "".join(alone.lines)


def agent(instances: Sequence[Instance], model_url: str, folder: Path) -> AbstractAsyncContextManager[Outside]:
    """Run the example."""
    script = os.fspath(EXAMPLE / "agent.py")
    return worker(script, STREAMSVC_TARGETS=internal(*instances), MODEL_URL=model_url, GARDEN=os.fspath(folder))


def ask_of(tab: Shown) -> Locator:
    """Return the only question that a tab shows."""
    return tab.page.locator(".ask")


async def told(instance: Instance, job_id: str) -> tuple[state_pb2.JobState, list[event_pb2.Event]]:
    """Follow a job to its end. Returns what its log says."""
    async with client_of(instance.address) as client:
        events = [item async for item in client.stream(job_id) if isinstance(item, event_pb2.Event)]
        return await client.state(job_id), events


async def next_of(instance: Instance, conversation: str, job_id: str) -> str:
    """Return the one other job of a conversation: it goes on with the one that asked."""
    async with client_of(instance.address) as client:
        (job,) = [job async for job in client.jobs(conversation_id=conversation) if job.id != job_id]
        assert job.previous_job_id == job_id
        return job.id


async def shows(tab: Shown, state: state_pb2.JobState, events: Sequence[event_pb2.Event]) -> None:
    """Wait until a tab shows a job's end, and then what its log says. It went back only if the log did."""
    turn = f"[data-job='{state.job.id}']"
    await tab.page.wait_for_selector(f"{turn}[data-status=ended][data-offset='{state.offset}']")
    shown = await tab.page.locator(f"{turn} .text").all_inner_texts()
    written = [words(part.text.text) for part in state.parts if part.text.text]
    assert [words(text) for text in shown if words(text)] == written
    if not any(event.HasField("part_replaced") for event in events):
        assert await tab.page.evaluate("window.wentBack") == []


def words(text: str) -> list[str]:
    """Return the words of a text, whatever marks stand around them."""
    return re.findall(r"\w+", text)


def as_it_must_be(asked: state_pb2.JobState, done: state_pb2.JobState) -> None:
    """Check the two jobs: each was written by two processes, and none of the tools was called twice."""
    assert [state.job.attempt for state in (asked, done)] == [2, 2]
    assert (asked.job.finish_reason, done.job.finish_reason) == (
        job_pb2.FINISH_REASON_INPUT_REQUIRED,
        job_pb2.FINISH_REASON_STOP,
    )
    succeeded = content_pb2.TOOL_CALL_STATUS_SUCCEEDED
    soil, water = (part.tool_call for part in asked.parts if part.HasField("tool_call"))
    assert (soil.name, soil.status, water.name) == ("soil", succeeded, "water")
    (watered,) = (part.tool_call for part in done.parts if part.HasField("tool_call"))
    assert (watered.call_id, watered.status, watered.arguments_json) == (
        water.call_id,
        succeeded,
        water.arguments_json,
    )
    assert all(part.completed for part in (*asked.parts, *done.parts))
    assert all(len(words(texts(state))) > 3 for state in (asked, done))


def texts(state: state_pb2.JobState) -> str:
    """Return all that a job says."""
    return " ".join(part.text.text for part in state.parts)
