"""A run of a Pydantic AI agent as an answer: begun, or gone on with when people have answered, and told of."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from pydantic_ai import AgentRunResult, AgentRunResultEvent, DeferredToolRequests
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.exceptions import RunCancelled, RunTimedOut
from pydantic_ai.messages import UserContent

from streamsvc.adapters import questions
from streamsvc.adapters.failing import failed
from streamsvc.adapters.keeping import Keeping
from streamsvc.adapters.pydantic_ai.failures import ending_of, failure_of
from streamsvc.adapters.pydantic_ai.input import input_of
from streamsvc.adapters.pydantic_ai.told import Told
from streamsvc.adapters.pydantic_ai.waiting import Waiting
from streamsvc.client import Publisher
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2

Agent = AbstractAgent[Any, Any]
Input = str | Sequence[UserContent] | None
Options = Mapping[str, Any]


def answer(
    agent: Agent, given: Input = None, *, keeping: Keeping | None = None, **options: Any
) -> Callable[[state_pb2.JobState], AsyncIterator[event_pb2.Event]]:
    """Return a run of the agent, to be published. `options` go to `Agent.run_stream_events`, such as `deps`.

        job = await publish(answer(agent, "Why is the sky blue?"), conversation_id="c1")

    With `keeping`, deferred calls become questions if the agent may return DeferredToolRequests, and a job started with
    their answers goes on with the run that asked. Without `given`, the job's own messages are the input. Whoever is
    begun again begins the run from its start, and tools may run twice. What goes wrong in a run fails the job; raises
    what Pydantic AI raises for mistakes of the program.
    """

    def answering(so_far: state_pb2.JobState) -> AsyncIterator[event_pb2.Event]:
        begun = {"user_prompt": given} if given is not None else _given(so_far.input)
        return _answer(agent, {**begun, **options}, so_far, keeping)

    return answering


def handler(
    agent: Agent, *, keeping: Keeping | None = None, **options: Any
) -> Callable[[Publisher], AsyncIterator[event_pb2.Event]]:
    """Return what answers jobs with runs of the agent, for `work`. The rest is as for `answer`.

    await work("agent", handler(agent))
    """

    def handle(pub: Publisher) -> AsyncIterator[event_pb2.Event]:
        history = pub.request.messages if pub.request is not None else ()
        return _answer(agent, {**_given(history or pub.so_far.input), **options}, pub.so_far, keeping)

    return handle


def _given(messages: Sequence[content_pb2.ChatMessage]) -> Options:
    prompt, history = input_of(messages)
    return {"user_prompt": prompt, "message_history": history}


async def _answer(
    agent: Agent, options: Options, so_far: state_pb2.JobState, keeping: Keeping | None
) -> AsyncGenerator[event_pb2.Event, None]:
    if left := await questions.left(keeping, so_far):
        for event in left:
            yield event
        return
    told = Told(so_far, agent.name or "")
    try:
        if so_far.answers:
            waiting = Waiting.of(await questions.load(keeping, so_far)).answered(questions.answers(so_far))
            if waiting.remaining is not None:
                for event in await _asked(waiting, so_far.job.id, keeping, told):
                    yield event
                return
            for call in waiting.edited():
                told.call(call)
            options = {**options, **waiting.options()}
        async with agent.run_stream_events(**{"infer_name": False, **options}) as run:
            async for heard in run:
                if isinstance(heard, AgentRunResultEvent):
                    events = await _ended(heard.result, so_far.job.id, keeping, told)
                else:
                    told.hear(heard, run.new_messages)
                    events = told.saying.take()
                for event in events:
                    yield event
    except Exception as error:
        for event in _failed(error, told):
            yield event


async def _ended(
    result: AgentRunResult[Any], job_id: str, keeping: Keeping | None, told: Told
) -> list[event_pb2.Event]:
    """Return what is left to say of a run that is over."""
    told.hear_responses(result.new_messages())
    if isinstance(result.output, DeferredToolRequests):
        return await _asked(Waiting(result.all_messages(), result.output), job_id, keeping, told)
    return told.saying.end(told.finish_reason)


async def _asked(waiting: Waiting, job_id: str, keeping: Keeping | None, told: Told) -> list[event_pb2.Event]:
    """Return what is left to say of a run that waits for people: the questions, once it is kept."""
    for call, kind, message, decisions in waiting.questions():
        told.call(call)
        questions.ask(told.saying, job_id, call.tool_call_id, decisions, kind=kind, message=message, step=told.step)
    ending = told.saying.end(job_pb2.FINISH_REASON_INPUT_REQUIRED)
    await questions.save(keeping, job_id, waiting.json(), ending)
    return ending


def _failed(error: Exception, told: Told) -> list[event_pb2.Event]:
    """Return what is left to say of a run that raised. Raises that again if it is a mistake of the program."""
    if isinstance(error, RunCancelled) and not isinstance(error, RunTimedOut):
        return [*told.saying.take(), event_pb2.Event(job_cancelled=event_pb2.JobCancelled())]
    reason = ending_of(error)
    if reason is not None:
        return told.saying.end(reason)
    failure = error.error if isinstance(error, questions.NotKept) else failure_of(error)
    if failure is None:
        raise error
    return failed(told.saying, told.step, failure)
