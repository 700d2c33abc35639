"""Which task of a graph runs which call of a tool: the stream of a graph does not say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler


class Callers(BaseCallbackHandler):
    """Hears of tools as they start. `tasks` are the tasks by the ids of the calls."""

    run_inline = True
    """Before the stream tells of the start, not sometime after it."""

    def __init__(self) -> None:
        self.tasks: dict[str, str] = {}

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **given: Any,
    ) -> None:
        """Note the task. A call that no model made has the id of its run."""
        namespace = str((metadata or {}).get("langgraph_checkpoint_ns", "")).split("|")
        self.tasks[given.get("tool_call_id") or str(run_id)] = task_of(namespace)


def task_of(namespace: Sequence[str]) -> str:
    """Return the innermost task of a namespace: `NODE:TASK` each, and a number for what is not the first in a task."""
    return next((segment.rpartition(":")[2] for segment in reversed(namespace) if ":" in segment), "")
