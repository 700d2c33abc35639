"""The run of a graph as the answer of a job, and how another process goes on with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.pregel import Pregel
from langgraph.types import Command

from streamsvc.adapters.failing import failed, failure
from streamsvc.adapters.langgraph import asking
from streamsvc.adapters.langgraph.hearing import MODES, Hearing
from streamsvc.adapters.langgraph.input import messages_of
from streamsvc.adapters.langgraph.memory import Memory, Past
from streamsvc.adapters.langgraph.speaking import speak
from streamsvc.adapters.saying import Saying
from streamsvc.client import Publisher
from streamsvc.v1 import event_pb2, job_pb2, state_pb2

Events = AsyncIterator[event_pb2.Event]
Graph = Pregel[Any, Any, Any, Any]

_STOP, _ASKS = job_pb2.FINISH_REASON_STOP, job_pb2.FINISH_REASON_INPUT_REQUIRED


@dataclass(frozen=True)
class _How:
    """How a graph is run, whatever the job: see `answer`."""

    config: RunnableConfig | None
    context: Any
    shown: Sequence[str]


def answer(
    runnable: Runnable[Any, Any],
    given: Any = None,
    config: RunnableConfig | None = None,
    *,
    context: Any = None,
    shown: Sequence[str] = (),
) -> Callable[[state_pb2.JobState], Events]:
    """Return what `publish` takes: the run of a graph, or the stream of a model or a chain.

        await publish(answer(graph, {"messages": [HumanMessage("hi")]}), conversation_id="c1", request_id="r1")

    Without an input given, that is the job's messages. The graph's thread is `OWNER/CONVERSATION`, of a job without one
    `OWNER/JOB`, unless `config` names a thread. With a checkpointer, a run that was cut off goes on from the graph's
    last checkpoint; without one it begins anew, and takes the place of what was said. `context` is the graph's, and
    `shown` names keys of its state whose updates readers may see, as custom events.
    """
    return lambda so_far: _events(runnable, so_far, given, (), _How(config, context, shown))


def handler(
    runnable: Runnable[Any, Any],
    given: Callable[[Publisher], Any] | None = None,
    config: RunnableConfig | None = None,
    *,
    context: Any = None,
    shown: Sequence[str] = (),
) -> Callable[[Publisher], Events]:
    """Return what `work` takes: each job is answered by a run, as with `answer`.

        await work("agent", handler(graph))

    `given` makes the graph's input of a job. Without it, that is the job's newest messages, and the whole conversation
    if the graph does not know it yet.
    """

    def answering(pub: Publisher) -> Events:
        history = messages_of(pub.request.messages) if pub.request is not None else []
        how = _How(config, context, shown)
        return _events(runnable, pub.so_far, given(pub) if given else None, history, how)

    return answering


def _events(
    runnable: Runnable[Any, Any], so_far: state_pb2.JobState, given: Any, history: Sequence[BaseMessage], how: _How
) -> Events:
    if isinstance(runnable, Pregel):
        return _run(runnable, so_far, given, history, how)
    return speak(runnable, so_far, given or history or messages_of(so_far.input), how.config)


async def _run(
    graph: Graph, so_far: state_pb2.JobState, given: Any, history: Sequence[BaseMessage], how: _How
) -> AsyncGenerator[event_pb2.Event]:
    """Yield what is left to say of a run, the end last."""
    memory = Memory(graph, so_far, how.config)
    past = await memory.recall()
    saying = Saying(so_far, past.done.keys())
    if so_far.answers and not asking.fits(past, so_far):
        error = failure("RUN_NOT_KEPT", "the graph does not wait for what was answered, or not any more")
        for event in failed(saying, "", error):
            yield event
        return
    hearing = Hearing(saying, past.calls, asking.denied(past, so_far), how.shown)
    hearing.recall(past.done.values(), so_far)
    stream = graph.astream(
        _input(so_far, past, given, history),
        merge_configs(memory.config, {"callbacks": [hearing.callers]}),
        context=how.context,
        stream_mode=cast(Any, MODES),
        subgraphs=True,
        version="v2",
        # The next step begins when this one is kept, so that a kill cannot undo two.
        durability="sync" if memory.kept else None,
    )
    async with aclosing(cast(AsyncGenerator[Any], stream)) as heard:
        async for piece in heard:
            hearing.hear(piece)
            for event in saying.take():
                yield event
    hearing.rest()
    if hearing.interrupted and not memory.kept:
        error = failure("RUN_NOT_KEPT", "the graph waits for people, and has no checkpointer to keep its run")
        ending = failed(saying, "", error)
    else:
        ending = saying.end(_ASKS if asking.ask(saying, await memory.waits(), so_far) else _STOP)
    for event in ending:
        yield event


def _input(so_far: state_pb2.JobState, past: Past, given: Any, history: Sequence[BaseMessage]) -> Any:
    """Return what the graph is run with: None if it has got all that it gets."""
    if so_far.answers:
        resume = asking.resume(past, so_far)
        return Command(resume=resume) if resume else None
    if past.begun:
        return None
    return given if given is not None else {"messages": (past.new and history) or messages_of(so_far.input)}
