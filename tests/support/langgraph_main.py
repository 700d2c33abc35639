"""A worker outside the service that runs a graph: `TARGETS FOLDER`. What it remembers and does is kept in the folder.

It says thirty words, wipes a disk if people agree, and says thirty words more, fifty a second.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt

from streamsvc.adapters.langgraph import handler
from streamsvc.backoff import Backoff
from streamsvc.client import ClientOptions, work
from tests.support.langgraph_graphs import Scripted, call, words
from tests.support.outside import AGENT

BEFORE = " ".join(f"before{number}" for number in range(30))
AFTER = " ".join(f"after{number}" for number in range(30))
PACE = 0.02


def graph_in(folder: Path) -> Any:
    """Return the graph whose memory is in this folder, kept as the example keeps it."""
    from checkpoints import Kept  # type: ignore[import-not-found]

    @tool
    async def wipe(disk: str) -> str:
        """Wipe a disk, if people agree."""
        asked = {"type": "tool_approval", "tool_call_id": "c1", "name": "wipe", "args": {"disk": disk}}
        decision = interrupt(asked)["type"]
        with (folder / "wiped").open("a") as wiped:
            wiped.write(f"{disk}\n")
        return f"it was {decision}d"

    calling: Sequence[AIMessageChunk] = [*words(BEFORE), *call("c1", "wipe", 7, disk="a")]
    model = Scripted(scripts=[calling, words(AFTER)], pace=PACE)

    async def speak(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    return (
        StateGraph(MessagesState)
        .add_node("model", speak)
        .add_node("tools", ToolNode([wipe]))
        .add_node("last", speak)
        .add_edge(START, "model")
        .add_edge("model", "tools")
        .add_edge("tools", "last")
        .compile(checkpointer=Kept(folder / "memory.sqlite"))
    )


if __name__ == "__main__":
    options = ClientOptions(backoff=Backoff(maximum=timedelta(milliseconds=300)))
    asyncio.run(work(AGENT, handler(graph_in(Path(sys.argv[2]))), *sys.argv[1].split(","), options=options))
