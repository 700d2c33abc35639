"""The stream of a model or a chain of LangChain, without a graph around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig

from streamsvc.adapters.langgraph.telling import Telling
from streamsvc.adapters.saying import Saying
from streamsvc.v1 import event_pb2, state_pb2


async def speak(
    runnable: Runnable[Any, Any], so_far: state_pb2.JobState, given: Any, config: RunnableConfig | None
) -> AsyncGenerator[event_pb2.Event]:
    """Yield what a runnable says to `given`: messages, and text as it is. It always begins at its beginning."""
    saying = Saying(so_far, kept=())
    telling = Telling(saying, {}, set())
    async with aclosing(cast(AsyncGenerator[Any], runnable.astream(given, config))) as pieces:
        async for piece in pieces:
            if isinstance(piece, AIMessage):
                telling.message(piece, "", "")
            elif isinstance(piece, str):
                saying.text("text", piece)
            for event in saying.take():
                yield event
    for event in saying.end():
        yield event
