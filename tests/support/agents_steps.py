"""What a model of the OpenAI Agents SDK says in a test, where the SDK's own scripted model has no words for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agents.testing import ModelStep
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
)


def in_items(*items: Any) -> ModelStep:
    """Return what a model says item by item, none of them in pieces."""

    async def saying(_: object) -> AsyncIterator[Any]:
        for number, item in enumerate(items):
            place = {"output_index": number, "sequence_number": 0, "item": item}
            yield ResponseOutputItemAddedEvent(type="response.output_item.added", **place)
            yield ResponseOutputItemDoneEvent(type="response.output_item.done", **place)
        yield completed(*items)

    return ModelStep.stream(saying)


def completed(*items: Any) -> ResponseCompletedEvent:
    """Return the end of what a model says."""
    response = Response(
        id="x",
        created_at=0,
        model="m",
        object="response",
        output=list(items),
        parallel_tool_calls=False,
        tool_choice="auto",
        tools=[],
    )
    return ResponseCompletedEvent(type="response.completed", response=response, sequence_number=0)
