"""A run of the OpenAI Agents SDK as an answer: begun, or gone on with when people have answered, and told of."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, cast

from agents import Agent, Runner, RunResultStreaming, RunState, StreamEvent, TResponseInputItem

from streamsvc.adapters import questions
from streamsvc.adapters.failing import failed
from streamsvc.adapters.keeping import Keeping
from streamsvc.adapters.openai_agents.failures import ending_of, failure_of
from streamsvc.adapters.openai_agents.input import input_of
from streamsvc.adapters.openai_agents.told import Told
from streamsvc.client import Publisher
from streamsvc.v1 import event_pb2, job_pb2, state_pb2

Input = str | list[TResponseInputItem]
Options = Mapping[str, Any]

_DECISIONS = (questions.APPROVE, questions.REJECT)


def answer(
    agent: Agent[Any], given: Input = "", *, keeping: Keeping | None = None, **options: Any
) -> Callable[[state_pb2.JobState], AsyncIterator[event_pb2.Event]]:
    """Return a run of the agent, to be published. `options` go to `Runner.run_streamed`, such as `context`.

        job = await publish(answer(agent, "Why is the sky blue?"), conversation_id="c1")

    With `keeping`, calls that need approval become questions, and a job started with their answers goes on with the run
    that asked. Without `given`, the job's own messages are the input. Whoever is begun again begins the run from its
    start, and tools may run twice. What goes wrong in a run fails the job; raises what the SDK raises for mistakes of
    the program.
    """

    def answering(so_far: state_pb2.JobState) -> AsyncIterator[event_pb2.Event]:
        return _answer(agent, given, so_far, keeping, options)

    return answering


def handler(
    agent: Agent[Any], *, keeping: Keeping | None = None, **options: Any
) -> Callable[[Publisher], AsyncIterator[event_pb2.Event]]:
    """Return what answers jobs with runs of the agent, for `work`. The rest is as for `answer`.

    await work("agent", handler(agent))
    """

    def handle(pub: Publisher) -> AsyncIterator[event_pb2.Event]:
        history = input_of(pub.request.messages) if pub.request is not None else []
        return _answer(agent, history, pub.so_far, keeping, options)

    return handle


async def _answer(
    agent: Agent[Any], given: Input, so_far: state_pb2.JobState, keeping: Keeping | None, options: Options
) -> AsyncGenerator[event_pb2.Event, None]:
    if left := await questions.left(keeping, so_far):
        for event in left:
            yield event
        return
    told = Told(so_far)
    try:
        answered = await _answered(agent, so_far, keeping, told, options) if so_far.answers else None
        result = Runner.run_streamed(agent, answered or given or input_of(so_far.input), **options)
        stream = cast(AsyncGenerator[StreamEvent, None], result.stream_events())
        try:
            async for heard in stream:
                told.hear(heard)
                for event in told.saying.take():
                    yield event
        finally:
            if not result.is_complete:
                result.cancel()
            await stream.aclose()
        for event in await _ended(result, so_far.job.id, keeping, told):
            yield event
    except Exception as error:
        for event in _failed(error, told):
            yield event


async def _answered(
    agent: Agent[Any], so_far: state_pb2.JobState, keeping: Keeping | None, told: Told, options: Options
) -> RunState[Any]:
    """Return the run that asked, with what people decided, and tell of its calls again."""
    kept = await questions.load(keeping, so_far)
    # The context is the program's to give, now as then: the runner takes that of `options`.
    override: dict[str, Any] | None = {} if options.get("context") is not None else None
    state: RunState[Any] = await RunState.from_string(agent, kept, context_override=override)
    answers = questions.answers(so_far)
    for item in state.get_interruptions():
        decided = answers.get(item.call_id or "")
        if decided is None:
            continue
        denied = decided.decision != questions.APPROVE
        if denied:
            state.reject(item, rejection_message=decided.comment or None)
        else:
            state.approve(item)
        told.again(item, denied=denied)
    return state


async def _ended(result: RunResultStreaming, job_id: str, keeping: Keeping | None, told: Told) -> list[event_pb2.Event]:
    """Return what is left to say: the end, or questions once the run is kept."""
    if not result.interruptions:
        return told.saying.end(told.finish_reason)
    for item in result.interruptions:
        told.again(item)
        message = f"May {item.qualified_name} run?"
        questions.ask(told.saying, job_id, item.call_id or "", _DECISIONS, message=message, step=told.step)
    ending = told.saying.end(job_pb2.FINISH_REASON_INPUT_REQUIRED)
    await questions.save(keeping, job_id, result.to_state().to_string(), ending)
    return ending


def _failed(error: Exception, told: Told) -> list[event_pb2.Event]:
    """Return what is left to say of a run that raised. Raises that again if it is a mistake of the program."""
    reason = ending_of(error, told.cut_off)
    if reason is not None:
        return told.saying.end(reason)
    failure = error.error if isinstance(error, questions.NotKept) else failure_of(error)
    if failure is None:
        raise error
    return failed(told.saying, told.step, failure)
