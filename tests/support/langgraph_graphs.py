"""Graphs of LangGraph with a model that says a script, and what a run says.

What the model says next depends only on what the thread holds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from streamsvc.adapters.langgraph import answer
from streamsvc.fold import Fold
from streamsvc.v1 import event_pb2, job_pb2, state_pb2

Pieces = Sequence[AIMessageChunk]


class Scripted(BaseChatModel):
    """Says the n-th script to messages that hold n messages of a model."""

    scripts: Sequence[Pieces]
    pace: float = 0
    """Seconds before each piece."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {"ls_model_name": "a-model"}

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        said = sum(isinstance(message, AIMessage) for message in messages)
        for piece in self.scripts[said]:
            yield ChatGenerationChunk(message=piece.model_copy())

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages):
            await asyncio.sleep(self.pace)
            yield chunk


def words(text: str) -> Pieces:
    """Return a text word by word, and what it cost."""
    pieces = [AIMessageChunk(content=f"{word} ") for word in text.split()]
    return [*pieces, counted(5, len(pieces))]


def thought(text: str) -> AIMessageChunk:
    """Return a piece of reasoning."""
    return AIMessageChunk(content=[{"type": "reasoning", "reasoning": text, "index": 0}])


def spoken(text: str) -> AIMessageChunk:
    """Return a piece of text after reasoning."""
    return AIMessageChunk(content=[{"type": "text", "text": text, "index": 1}])


def call(call_id: str, name: str, index: int = 2, **args: Any) -> Pieces:
    """Return a call whose arguments come in two pieces."""
    text = json.dumps(args)
    half = len(text) // 2
    first: Any = {"name": name, "args": "", "id": call_id, "index": index, "type": "tool_call_chunk"}
    more: Any = [{"name": None, "args": part, "id": None, "index": index} for part in (text[:half], text[half:])]
    return [AIMessageChunk(content="", tool_call_chunks=[piece]) for piece in (first, *more)]


def counted(given: int, written: int) -> AIMessageChunk:
    """Return how many tokens a message cost."""
    usage: Any = {"input_tokens": given, "output_tokens": written, "total_tokens": given + written}
    return AIMessageChunk(content="", usage_metadata=usage)


class Said:
    """What a run said."""

    def __init__(self, events: list[event_pb2.Event], state: state_pb2.JobState) -> None:
        self.events = events
        self.state = state


async def run(runnable: Any, given: Any, **options: Any) -> Said:
    """Return what a run says to its end."""
    events: list[event_pb2.Event] = []
    fold = Fold(beginning())
    async for event in answer(runnable, given, **options)(beginning()):
        event.offset = fold.offset + 1
        events.append(event)
        fold.apply([event])
    return Said(events, fold.state())


def beginning() -> state_pb2.JobState:
    """Return a job of which nothing is said."""
    return state_pb2.JobState(job=job_pb2.Job(id="j1", owner="ada"), offset=2)
