"""Runs of the OpenAI Agents SDK that a process publishes itself, on a real service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, RunContextWrapper, function_tool, set_tracing_disabled
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call

from streamsvc.adapters.keeping import Folder
from streamsvc.adapters.openai_agents import answer, input_of
from streamsvc.client import Publisher, publish, work
from streamsvc.v1 import event_pb2, job_pb2
from streamsvc.v1 import job_service_pb2 as jobs_pb
from tests.support.adapted import APPROVE, conversation, decided, lines
from tests.support.outside import AGENT, inside

pytestmark = pytest.mark.asyncio(loop_scope="session")

set_tracing_disabled(True)


@function_tool(needs_approval=True)
def delete(name: str) -> str:
    """Delete a file."""
    return f"{name} is gone"


@function_tool
def look() -> str:
    """Look around."""
    return "nothing"


def tidying(*steps: Any) -> Agent[Any]:
    """Return an agent whose model says these steps."""
    return Agent(name="ann", model=ScriptedModel(steps), tools=[delete, look])


async def test_a_run_is_published_and_later_goes_on_with_an_answer(tmp_path: Path) -> None:
    keeping = Folder(tmp_path)
    async with inside() as service:
        target = service.app.internal_address
        first = tidying([function_call("delete", {"name": "a"}, call_id="d")])
        job = await publish(answer(first, "Tidy up.", keeping=keeping), target)
        assert job.finish_reason == job_pb2.FINISH_REASON_INPUT_REQUIRED
        answers = [decided(f"{job.id}/d", APPROVE)]
        then = answer(tidying([assistant_message("Done.")]), keeping=keeping)
        job = await publish(then, target, previous_job_id=job.id, answers=answers)
        assert lines(await service.state(job.id)) == [
            "step agent-1 agent ann (ann) succeeded",
            """agent-1 call d delete({"name":"a"}) succeeded 'a is gone'""",
            "agent-1 text 'Done.'",
            "usage agent-1 scripted-model 0/0",
            "stop",
        ]


async def test_without_an_input_the_jobs_messages_are_the_input() -> None:
    model = ScriptedModel([[assistant_message("Done.")]])
    async with inside() as service:
        answering = answer(Agent(name="ann", model=model))
        await publish(answering, service.app.internal_address, messages=conversation()[1:2])
    assert model.calls[0].input == [{"role": "user", "content": [{"type": "input_text", "text": "How is Rome?"}]}]


async def test_a_worker_gives_each_job_its_context_and_all_of_its_conversation() -> None:
    @function_tool
    def whose(context: RunContextWrapper[str]) -> str:
        """Tell whose job it is."""
        return context.context

    model = ScriptedModel([[function_call("whose", {}, call_id="w")], [assistant_message("Done.")]])
    agent: Agent[str] = Agent(name="ann", model=model, tools=[whose])

    def handle(pub: Publisher) -> AsyncIterator[event_pb2.Event]:
        assert pub.request is not None
        return answer(agent, input_of(pub.request.messages), context=pub.so_far.job.id)(pub.so_far)

    async with inside() as service:
        working = asyncio.create_task(work(AGENT, handle, service.app.internal_address))
        job = await service.start(prompt="", messages=conversation())
        await service.events(job.id)
        assert lines(await service.state(job.id))[1:2] == [f"agent-1 call w whose({{}}) succeeded '{job.id}'"]
        assert len(model.calls[0].input) == len(input_of(conversation()))
        working.cancel()
        await asyncio.wait({working}, timeout=10)


async def test_a_run_that_fails_fails_its_job() -> None:
    agent = tidying(*([function_call("look", {}, call_id=f"l{number}")] for number in range(2)))
    async with inside() as service:
        job = await publish(answer(agent, "Tidy up.", max_turns=1), service.app.internal_address)
        assert (job.status, job.error.reason) == (job_pb2.JOB_STATUS_FAILED, "LIMIT_EXCEEDED")


async def test_a_cancel_stops_the_run_at_once_and_keeps_what_was_said() -> None:
    waiting, stopped = asyncio.Event(), asyncio.Event()

    async def for_ever(_: object) -> AsyncIterator[Any]:
        waiting.set()
        try:
            await asyncio.Event().wait()
            yield None
        finally:
            stopped.set()

    looking = [assistant_message("I look."), function_call("look", {}, call_id="l")]
    agent = tidying(looking, ModelStep.stream(for_ever))
    async with inside() as service:
        publishing = asyncio.create_task(publish(answer(agent, "Tidy up."), service.app.internal_address))
        await asyncio.wait_for(waiting.wait(), 10)
        (job,) = (await service.jobs.ListJobs(jobs_pb.ListJobsRequest())).jobs
        await service.jobs.CancelJob(jobs_pb.CancelJobRequest(job_id=job.id))
        job = await asyncio.wait_for(publishing, 10)
        await asyncio.wait_for(stopped.wait(), 10)
        assert lines(await service.state(job.id))[1:] == [
            "agent-1 text 'I look.'",
            "agent-1 call l look({}) succeeded 'nothing'",
            "usage agent-1 scripted-model 0/0",
            "cancelled",
        ]
