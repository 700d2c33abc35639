"""Runs of Pydantic AI that a process publishes itself, on a real service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent, DeferredToolRequests, RunContext, UsageLimits
from pydantic_ai.messages import ModelMessage, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from streamsvc.adapters.keeping import Folder
from streamsvc.adapters.pydantic_ai import answer, input_of
from streamsvc.client import Publisher, publish, work
from streamsvc.v1 import event_pb2, job_pb2
from streamsvc.v1 import job_service_pb2 as jobs_pb
from tests.support.adapted import APPROVE, conversation, decided, lines
from tests.support.outside import AGENT, inside

pytestmark = pytest.mark.asyncio(loop_scope="session")


def tidying(*responses: Sequence[Any]) -> Agent[Any, Any]:
    """Return an agent whose model says these responses, and is silent then."""
    left = list(responses)

    async def stream(_: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        for piece in left.pop(0):
            yield await piece() if callable(piece) else piece

    model = FunctionModel(stream_function=stream, model_name="m")
    agent: Agent[Any, Any] = Agent(model, name="ann", output_type=[str, DeferredToolRequests])

    @agent.tool_plain(requires_approval=True)
    def delete(name: str) -> str:
        """Delete a file."""
        return f"{name} is gone"

    @agent.tool_plain
    def look() -> str:
        """Look around."""
        return "nothing"

    return agent


def calling(name: str, arguments: str = "{}") -> dict[int, DeltaToolCall]:
    """Return a piece of a response that calls a tool."""
    return {1: DeltaToolCall(name=name, json_args=arguments, tool_call_id=name)}


async def test_a_run_is_published_and_later_goes_on_with_an_answer(tmp_path: Path) -> None:
    keeping = Folder(tmp_path)
    async with inside() as service:
        target = service.app.internal_address
        first = tidying([calling("delete", '{"name":"a"}')])
        job = await publish(answer(first, "Tidy up.", keeping=keeping), target)
        assert job.finish_reason == job_pb2.FINISH_REASON_INPUT_REQUIRED
        answers = [decided(f"{job.id}/delete", APPROVE)]
        then = answer(tidying(["Done."]), keeping=keeping)
        job = await publish(then, target, previous_job_id=job.id, answers=answers)
        assert lines(await service.state(job.id)) == [
            "step response-1 message (ann) succeeded",
            """call delete delete({"name":"a"}) succeeded 'a is gone'""",
            "response-1 text 'Done.'",
            "usage response-1 m 50/2",
            "stop",
        ]


async def test_without_an_input_the_jobs_messages_are_the_input() -> None:
    heard: list[ModelMessage] = []

    async def stream(messages: list[ModelMessage], _: AgentInfo) -> AsyncIterator[str]:
        heard.extend(messages)
        yield "Done."

    async with inside() as service:
        answering = answer(Agent(FunctionModel(stream_function=stream)))
        await publish(answering, service.app.internal_address, messages=conversation()[1:2])
    (prompt,) = heard[0].parts
    assert isinstance(prompt, UserPromptPart)
    assert prompt.content == ["How is Rome?"]


async def test_a_worker_gives_each_job_its_dependencies_and_all_of_its_conversation() -> None:
    heard: list[ModelMessage] = []

    async def stream(messages: list[ModelMessage], _: AgentInfo) -> AsyncIterator[Any]:
        heard[:] = messages
        yield calling("whose") if isinstance(messages[-1].parts[-1], UserPromptPart) else "Done."

    agent = Agent(FunctionModel(stream_function=stream), deps_type=str)

    @agent.tool
    def whose(context: RunContext[str]) -> str:
        """Tell whose job it is."""
        return context.deps

    def handle(pub: Publisher) -> AsyncIterator[event_pb2.Event]:
        assert pub.request is not None
        prompt, history = input_of(pub.request.messages)
        return answer(agent, prompt, message_history=history, deps=pub.so_far.job.id)(pub.so_far)

    async with inside() as service:
        working = asyncio.create_task(work(AGENT, handle, service.app.internal_address))
        job = await service.start(prompt="", messages=conversation())
        await service.events(job.id)
        assert f"response-1 call whose whose({{}}) succeeded '{job.id}'" in lines(await service.state(job.id))
        prompts = [part.content for message in heard for part in message.parts if isinstance(part, UserPromptPart)]
        assert [prompt[0] for prompt in prompts] == ["How is Rome?", "And here?"]
        working.cancel()
        await asyncio.wait({working}, timeout=10)


async def test_a_run_that_fails_fails_its_job() -> None:
    limits = UsageLimits(request_limit=1)
    async with inside() as service:
        answering = answer(tidying([calling("look")]), "Tidy up.", usage_limits=limits)
        job = await publish(answering, service.app.internal_address)
        assert (job.status, job.error.reason) == (job_pb2.JOB_STATUS_FAILED, "LIMIT_EXCEEDED")


async def test_a_cancel_stops_the_run_at_once_and_keeps_what_was_said() -> None:
    waiting, stopped = asyncio.Event(), asyncio.Event()

    async def for_ever() -> str:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return ""

    agent = tidying(["I look.", calling("look")], ["So ", for_ever])
    async with inside() as service:
        publishing = asyncio.create_task(publish(answer(agent, "Tidy up."), service.app.internal_address))
        await asyncio.wait_for(waiting.wait(), 10)
        (job,) = (await service.jobs.ListJobs(jobs_pb.ListJobsRequest())).jobs
        await service.jobs.CancelJob(jobs_pb.CancelJobRequest(job_id=job.id))
        job = await asyncio.wait_for(publishing, 10)
        await asyncio.wait_for(stopped.wait(), 10)
        assert lines(await service.state(job.id))[2:] == [
            "response-1 text 'I look.'",
            "response-1 call look look({}) succeeded 'nothing'",
            "response-2 text 'So ' open",
            "usage response-1 m 50/4",
            "cancelled",
        ]
