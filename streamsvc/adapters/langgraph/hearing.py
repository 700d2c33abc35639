"""What `astream` of a graph tells, as events: tasks are steps, messages are parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.types import Command

from streamsvc.adapters.failing import failure
from streamsvc.adapters.langgraph import content
from streamsvc.adapters.langgraph.callers import Callers, task_of
from streamsvc.adapters.langgraph.memory import Task, messages_in
from streamsvc.adapters.langgraph.telling import FAILED, SUCCEEDED, Telling
from streamsvc.adapters.saying import Saying
from streamsvc.v1 import content_pb2, state_pb2

MODES = ["messages", "updates", "custom", "tasks", "tools"]
"""The modes of `astream` that are heard."""

_RUNNING = content_pb2.TOOL_CALL_STATUS_RUNNING
_STEP_RUNNING = content_pb2.RUN_STEP_STATUS_RUNNING
_STEP_FAILED = content_pb2.RUN_STEP_STATUS_FAILED


class Hearing:
    """Says what a run tells."""

    def __init__(self, saying: Saying, calls: Mapping[str, Any], denied: set[str], shown: Sequence[str]) -> None:
        self._saying = saying
        self._telling = Telling(saying, calls, denied)
        self._shown = shown
        self.callers = Callers()
        """To be among the callbacks of the run."""
        self._recalled: set[str | None] = set()
        self._counted: set[str] = set()
        self._unnamed: dict[str, Task] = {}
        self._open: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._output: dict[str, str] = {}
        self.interrupted = False
        """Whether a task asked people."""

    def recall(self, done: Iterable[Task], so_far: state_pb2.JobState) -> None:
        """Say what the graph remembers of tasks whose end is not in the log."""
        told = {step.id for step in so_far.steps if step.status != _STEP_RUNNING}
        self._counted = {entry.step_id for entry in so_far.usage_entries}
        for task in done:
            if task.id not in told and task.name:
                self._tell(task)
            elif task.id not in told:
                self._unnamed[task.id] = task
            self._recalled.update(message.id for message in task.messages)

    def rest(self) -> None:
        """Say what the graph remembers of calls whose names it has not told again."""
        for task in self._unnamed.values():
            self._tell(replace(task, name="task"))
        self._unnamed = {}

    def hear(self, piece: Mapping[str, Any]) -> None:
        """Take a piece of what `astream` yields, in its version 2."""
        data, within = piece["data"], piece["ns"]
        match piece["type"]:
            case "tasks":
                self._task(data, within)
            case "messages":
                message, about = data
                # A subgraph that had ended is asked for its messages once more, if its node had not.
                if message.id not in self._recalled:
                    step = task_of(str(about.get("langgraph_checkpoint_ns", "")).split("|"))
                    self._message(message, step, about.get("ls_model_name") or "")
            case "tools":
                self._tool(data)
            case "custom":
                self._saying.custom("langgraph.custom", content.json_of(data, default=str))
            case "updates":
                if (data.get("__metadata__") or {}).get("cached"):
                    self._from_cache(data, within)
                self._update(data)

    def _tell(self, task: Task) -> None:
        self._begin(task)
        for message in task.messages:
            if isinstance(message, AIMessage) and task.id in self._counted:
                message = message.model_copy(update={"usage_metadata": None})
            self._message(message, task.id, "")
        self._saying.step_ended(task.id)

    def _begin(self, task: Task) -> None:
        if task.parent is not None:
            self._begin(task.parent)
        self._saying.step(task.id, "node", task.name, task.parent.id if task.parent else "")

    def _task(self, data: Mapping[str, Any], within: tuple[str, ...]) -> None:
        task = data["id"]
        if "triggers" in data:
            agent = str((data.get("metadata") or {}).get("lc_agent_name", ""))
            self._saying.step(task, "node", data["name"], task_of(within), agent)
            self._open[task] = (data["name"], within)
            if (remembered := self._unnamed.pop(task, None)) is not None:
                self._tell(remembered)
            return
        self._open.pop(task, None)
        if data["error"]:
            kind = type(data["error"]).__name__ if isinstance(data["error"], BaseException) else "an error"
            error = failure("INTERNAL", f"the node {data['name']} failed with {kind}")
            self._saying.step_ended(task, _STEP_FAILED, error)
        elif data["interrupts"]:
            self.interrupted = True
        else:
            self._saying.step_ended(task)

    def _message(self, message: BaseMessage, step: str, model: str) -> None:
        if isinstance(message, ToolMessage):
            self._telling.result(message, step)
        elif isinstance(message, AIMessage):
            self._telling.message(message, step, model)

    def _tool(self, data: Mapping[str, Any]) -> None:
        call_id, event = data["tool_call_id"], data["event"]
        if event == "tool-started":
            self._telling.begun(call_id, data["tool_name"], data.get("input"), self.callers.tasks.get(call_id, ""))
            self._saying.update(call_id, _RUNNING)
        elif event == "tool-output-delta":
            delta = data["delta"]
            self._output[call_id] = self._output.get(call_id, "") + (delta if isinstance(delta, str) else str(delta))
            self._saying.update(call_id, _RUNNING, content_pb2.ToolResultPart(text=self._output[call_id]))
        elif event == "tool-error":
            self._saying.update(call_id, FAILED, content_pb2.ToolResultPart(text=data["message"]))
        elif isinstance(data["output"], ToolMessage):
            self._telling.result(data["output"], self.callers.tasks.get(call_id, ""))
        elif not isinstance(data["output"], Command):
            # The message in a command comes with the end of its node.
            self._saying.update(call_id, SUCCEEDED, content.plain(data["output"]))

    def _from_cache(self, data: Mapping[str, Any], within: tuple[str, ...]) -> None:
        """Say what a node has said before to the same input, and does not stream again."""
        for name, update in data.items():
            task = next((task for task, began in self._open.items() if began == (name, within)), None)
            if task is not None:
                self._open.pop(task)
                new = [message for message in messages_in(update) if message.id not in self._recalled]
                self._tell(Task(task, name, None, new))

    def _update(self, data: Mapping[str, Any]) -> None:
        for update in data.values():
            for one in update if isinstance(update, list) else [update]:
                for key in self._shown if isinstance(one, dict) else ():
                    if key in one:
                        self._saying.custom("langgraph.update", content.json_of(one[key], default=str), key)
