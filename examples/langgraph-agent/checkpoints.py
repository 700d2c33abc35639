"""A checkpointer that survives a kill, on the standard library's sqlite3: for one process at a time.

It stands for langgraph-checkpoint-sqlite or -postgres, which are what to use where they are installed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.memory import InMemorySaver


class Kept(InMemorySaver):
    """What LangGraph keeps in memory, and a journal of it in a file, which is played again at the start."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._file.execute("CREATE TABLE IF NOT EXISTS journal (kind TEXT, type TEXT, data BLOB)")
        for kind, *data in self._file.execute("SELECT kind, type, data FROM journal ORDER BY rowid"):
            arguments = self.serde.loads_typed((data[0], data[1]))
            getattr(super(), kind)(*arguments)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint."""
        self._write("put", config, checkpoint, metadata, new_versions)
        return super().put(config, checkpoint, metadata, new_versions)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task has done since the checkpoint."""
        self._write("put_writes", config, list(writes), task_id, task_path)
        super().put_writes(config, writes, task_id, task_path)

    def _write(self, kind: str, config: RunnableConfig, *arguments: Any) -> None:
        names = {name: value for name, value in config["configurable"].items() if isinstance(value, str)}
        kept = {"configurable": names, "metadata": dict(config.get("metadata", {}))}
        self._file.execute("INSERT INTO journal VALUES (?, ?, ?)", (kind, *self.serde.dumps_typed([kept, *arguments])))
