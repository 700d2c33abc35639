"""A job as an AG-UI run, item by item, and the run of an AG-UI agent as the answer of a job."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from ag_ui import core

from streamsvc.adapters.ag_ui.endings import answers_to, cut_off, ending_of
from streamsvc.adapters.ag_ui.hearing import Hearing
from streamsvc.adapters.ag_ui.input import request_of, run_of
from streamsvc.adapters.ag_ui.telling import Telling
from streamsvc.client import Client, Publisher
from streamsvc.errors import InputAnswered, RequestIdReused
from streamsvc.v1 import event_pb2, state_pb2

T = TypeVar("T")

Agent = Callable[[core.RunAgentInput], AsyncIterable[core.BaseEvent]]
"""An AG-UI agent: what it is given, and what it tells of its run."""


async def start(client: Client, run: core.RunAgentInput) -> str:
    """Start the job of a run, and return its id.

    A run that was asked for before, or whose questions have other answers already, is the job that there is. Raises
    StreamsvcError.
    """
    try:
        return (await client.start_request(request_of(run))).id
    except (RequestIdReused, InputAnswered) as before:
        # A client that comes back sends what it has of the answer, too.
        return before.metadata["job_id"]


async def to_ag_ui(
    items: AsyncIterable[event_pb2.Event | state_pb2.JobState], run: core.RunAgentInput | None = None
) -> AsyncGenerator[core.BaseEvent, None]:
    """Tell of a job as of an AG-UI run, to its end.

        stream = client.stream(await start(client, run), catch_up=CATCH_UP_MODE_SNAPSHOT)
        async for event in to_ag_ui(stream, run):
            yield encoder.encode(event)

    `items` begin at the job's beginning, or with a snapshot; the run begins with a snapshot of the messages. `run` is
    what the client has sent: it names the run, and holds the conversation before the answer. Without it the run is
    named after the job, and the conversation begins with what the job was asked.
    """
    telling = Telling(run.thread_id, run.run_id, run.messages) if run else Telling("", "", None)
    async with _closing(items):
        async for item in items:
            for event in telling.of(item):
                yield event


def answer(agent: Agent, run: core.RunAgentInput) -> Callable[[state_pb2.JobState], AsyncIterator[event_pb2.Event]]:
    """Return a run of the agent, to be published.

        await publish(answer(agent, run), conversation_id=run.thread_id, request_id=run.run_id)

    Whoever is begun again asks the agent again, from the start; what it says takes the place of what it said. A run
    that fails, or whose events end before it has ended, fails the job. Raises what the agent raises.
    """
    return lambda so_far: _answer(agent, run, so_far)


def handler(agent: Agent) -> Callable[[Publisher], AsyncIterator[event_pb2.Event]]:
    """Return what answers jobs with runs of the agent, for `work`. The rest is as for `answer`.

    await work("agent", handler(agent))

    A job is asked its messages, under its conversation as thread. One that answers questions has their answers only:
    the agent keeps the thread.
    """

    def answering(pub: Publisher) -> AsyncIterator[event_pb2.Event]:
        job = pub.so_far.job
        messages = pub.request.messages if pub.request is not None else pub.so_far.input
        tools = pub.request.tools if pub.request is not None else ()
        run = run_of(job.conversation_id or job.id, job.id, messages, answers_to(pub.so_far), tools)
        return _answer(agent, run, pub.so_far)

    return answering


async def _answer(
    agent: Agent, run: core.RunAgentInput, so_far: state_pb2.JobState
) -> AsyncGenerator[event_pb2.Event, None]:
    hearing = Hearing(so_far, frozenset(message.id for message in run.messages), run.state)
    async with _closing(agent(run)) as said:
        async for heard in said:
            ending = ending_of(heard, hearing.said, so_far.job.id)
            if ending is None:
                hearing.hear(heard)
            for event in hearing.said.take() if ending is None else ending:
                yield event
            if ending is not None:
                return
    for event in cut_off(hearing.said):
        yield event


@asynccontextmanager
async def _closing(items: AsyncIterable[T]) -> AsyncGenerator[AsyncIterable[T], None]:
    """Close what is iterated over when it is left, if it can be closed: a connection behind it must not stay."""
    try:
        yield items
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()
