"""The local model, which is too small to choose tools: it is made to write the arguments of each in turn."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any

from agents import OpenAIChatCompletionsModel
from openai import AsyncOpenAI
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
)

MODEL_URL = os.environ.get("MODEL_URL", "http://127.0.0.1:8099/v1")
MODEL = "smollm2"


class Local(OpenAIChatCompletionsModel):
    """Says something in each turn, and calls a tool that was not called yet, with arguments that the model writes."""

    def __init__(self, tokens: int) -> None:
        self._api = AsyncOpenAI(base_url=MODEL_URL, api_key="none")
        self._tokens = tokens
        super().__init__(MODEL, self._api)

    async def stream_response(
        self, instructions: Any, given: Any, settings: Any, tools: Any, *rest: Any, **more: Any
    ) -> AsyncIterator[Any]:
        """Yield what the model says, and its next call if a tool is left."""
        items = given if isinstance(given, list) else [{"role": "user", "content": given}]
        used = {item.get("name") for item in items if item.get("type") == "function_call"}
        left = [tool for tool in tools if tool.name not in used]
        results = "".join(f"\n{item['output']}" for item in items if item.get("type") == "function_call_output")
        ending = "Say in one sentence what you do next." if left else "Tell me in two sentences what was done."
        said = [{"role": "user", "content": f"{_question(items)}{results}\n{ending}"}]
        settings.max_tokens, settings.temperature = self._tokens, 0
        async for event in super().stream_response(instructions, said, settings, [], *rest, **more):
            if event.type == "response.completed" and left:
                call = await self._call(items, left[0])
                place = {"item": call, "output_index": len(event.response.output), "sequence_number": 0}
                yield ResponseOutputItemAddedEvent(type="response.output_item.added", **place)
                yield ResponseOutputItemDoneEvent(type="response.output_item.done", **place)
                event.response.output.append(call)
            yield event

    async def _call(self, items: list[Any], tool: Any) -> ResponseFunctionToolCall:
        """Have the arguments of a tool written."""
        schema = {"name": tool.name, "schema": tool.params_json_schema}
        written = await self._api.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "user", "content": f"{_question(items)}\nWrite the arguments of `{tool.name}` as JSON."}
            ],
            response_format={"type": "json_schema", "json_schema": schema},
            max_completion_tokens=40,
            temperature=0,
        )
        arguments = json.dumps(json.loads(written.choices[0].message.content or ""))
        call_id = f"call_{written.id}"
        return ResponseFunctionToolCall(type="function_call", call_id=call_id, name=tool.name, arguments=arguments)


def _question(items: list[Any]) -> str:
    """Return what the person said last."""
    content = next(item["content"] for item in reversed(items) if item.get("role") == "user")
    return content if isinstance(content, str) else " ".join(piece["text"] for piece in content)
