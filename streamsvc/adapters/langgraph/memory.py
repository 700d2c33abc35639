"""What a graph's checkpointer knows of a job: what was run already, what was asked, and which answers were taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.constants import START
from langgraph.pregel import Pregel
from langgraph.types import Interrupt, StateSnapshot

from streamsvc.adapters.langgraph import asking
from streamsvc.v1 import state_pb2

JOB = "streamsvc_job"
"""The key of a checkpoint's metadata that names the job which made it."""

_RESUME, _RETURN = "__resume__", "__return__"
"""The channels in which LangGraph keeps the answers that a task has taken, and what a call of `@task` gave."""


@dataclass(frozen=True)
class Task:
    """A task of the graph, the one that it runs within if there is one, and what it added to the messages."""

    id: str
    name: str
    parent: Task | None
    messages: Sequence[BaseMessage] = ()


@dataclass(frozen=True)
class Past:
    """What is known of a job before this process runs it."""

    new: bool = True
    """Whether the graph knows nothing of the thread."""
    begun: bool = False
    """Whether the graph has taken the job's input."""
    done: Mapping[str, Task] = field(default_factory=dict)
    """The tasks that will not be run again, by their ids, in order."""
    at: str = ""
    """The checkpoint where the graph stands."""
    interrupts: Sequence[Interrupt] = ()
    """What the graph waits for."""
    answered: frozenset[str] = frozenset()
    """Ids of interrupts whose answer the graph has taken."""
    calls: Mapping[str, Any] = field(default_factory=dict)
    """The calls of tools in the graph's messages, by their ids."""


@dataclass(frozen=True)
class Waiting:
    """Where a graph waits, and the calls of tools in its messages, by their ids."""

    snapshot: StateSnapshot
    calls: Mapping[str, Any]


class Memory:
    """The thread of one job. `config` is what the graph is to be run with."""

    def __init__(
        self, graph: Pregel[Any, Any, Any, Any], so_far: state_pb2.JobState, config: RunnableConfig | None
    ) -> None:
        self._graph = graph
        self._so_far = so_far
        self._saver = graph.checkpointer if isinstance(graph.checkpointer, BaseCheckpointSaver) else None
        thread = f"{so_far.job.owner}/{so_far.job.conversation_id or asking.first_job(so_far)}"
        own: RunnableConfig = {"configurable": {"thread_id": thread}, "metadata": {JOB: so_far.job.id}}
        self.config = merge_configs(own, config)

    @property
    def kept(self) -> bool:
        """Whether there is a checkpointer."""
        return self._saver is not None

    async def recall(self) -> Past:
        """Return what is known of the job."""
        if self._saver is None:
            return Past()
        newest = await self._graph.aget_state(self.config, subgraphs=True)
        begun = (newest.metadata or {}).get(JOB) == self._so_far.job.id
        done = await self._done(self.config, None) if begun or self._so_far.answers else []
        snapshots = list(_all(newest))
        return Past(
            new=newest.metadata is None,
            begun=begun,
            done={task.id: task for task in done},
            at=newest.config.get("configurable", {}).get("checkpoint_id", ""),
            interrupts=newest.interrupts,
            answered=frozenset([one async for one in self._answered(snapshots)]),
            calls=_calls(snapshots),
        )

    async def waits(self) -> Waiting | None:
        """Return what the graph waits for after a run; None if it does not."""
        newest = await self._graph.aget_state(self.config, subgraphs=True) if self.kept else None
        return Waiting(newest, _calls(_all(newest))) if newest is not None and newest.next else None

    async def _done(self, config: RunnableConfig, parent: Task | None) -> list[Task]:
        """Return the tasks that ended in this job, those of subgraphs before the task that they belong to."""
        steps: list[list[Task]] = []
        async for snapshot in self._graph.aget_state_history(config):
            ours = (snapshot.metadata or {}).get(JOB) == self._so_far.job.id
            step = await self._called(snapshot, ours=ours)
            for task in snapshot.tasks:
                # What another job has left to this one is what it had asked.
                if task.name == START or not (ours or task.interrupts):
                    continue
                if isinstance(task.state, dict):
                    step += await self._done(task.state, Task(task.id, task.name, parent))
                if task.result is not None:
                    told = [message for one in step for message in one.messages]
                    known = {message.id for message in (*messages_in(snapshot.values), *told)}
                    new = [message for message in messages_in(task.result) if message.id not in known]
                    step.append(Task(task.id, task.name, parent, new))
            steps.append(step)
            if not ours:
                break
        return [task for step in reversed(steps) for task in step]

    async def _called(self, snapshot: StateSnapshot, *, ours: bool) -> list[Task]:
        """Return the calls of `@task` that have ended. A snapshot does not have them, nor are their names kept."""
        found = await self._saver.aget_tuple(snapshot.config) if self._saver else None
        nodes = {task.id for task in snapshot.tasks}
        names = {step.id: step.title for step in self._so_far.steps}
        return [
            Task(task, names.get(task, ""), None, messages_in(value))
            for task, channel, value in (found.pending_writes or () if found else ())
            if channel == _RETURN and task not in nodes and (ours or task in names)
        ]

    async def _answered(self, snapshots: Sequence[StateSnapshot]) -> AsyncIterator[str]:
        """Yield the ids of the interrupts whose answers are kept with tasks that have not ended.

        LangGraph takes the answer to a task's first question, if it is given once more, for one to its second.
        """
        for snapshot in snapshots:
            found = await self._saver.aget_tuple(snapshot.config) if self._saver and snapshot.tasks else None
            writes = (found.pending_writes or []) if found else []
            taken = {task: len(values) for task, channel, values in writes if channel == _RESUME}
            within = snapshot.config.get("configurable", {}).get("checkpoint_ns", "")
            for task in snapshot.tasks:
                namespace = f"{within}{within and '|'}{task.name}:{task.id}"
                for number in range(taken.get(task.id, 0)):
                    # The id of a question says how many were answered before it.
                    yield Interrupt.from_ns(None, f"{namespace}|{number}" if number else namespace).id


def _all(snapshot: StateSnapshot) -> list[StateSnapshot]:
    """Return a snapshot and those of the subgraphs that are at work in it."""
    within = [task.state for task in snapshot.tasks if isinstance(task.state, StateSnapshot)]
    return [snapshot, *(one for inner in within for one in _all(inner))]


def messages_in(value: Any) -> list[BaseMessage]:
    """Return the messages of models and of tools in a value of the graph's state."""
    if isinstance(value, (AIMessage, ToolMessage)):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [message for one in value for message in messages_in(one)] if isinstance(value, (list, tuple)) else []


def _calls(snapshots: Sequence[StateSnapshot]) -> Mapping[str, Any]:
    messages = [message for snapshot in snapshots for message in messages_in(snapshot.values)]
    calls = [call for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]
    return {call["id"]: call for call in calls if call["id"]}
