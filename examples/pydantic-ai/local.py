"""The local model, which is too small to choose tools: it is made to write the arguments of each in turn."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

from openai import AsyncOpenAI
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolReturnPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.tools import ToolDefinition

MODEL_URL = os.environ.get("MODEL_URL", "http://127.0.0.1:8099/v1")
MODEL = "smollm2"

_api = AsyncOpenAI(base_url=MODEL_URL, api_key="none")


async def local(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
    """Yield what the model says, and a call of a tool that was not called yet."""
    responses = [message for message in messages if isinstance(message, ModelResponse)]
    used = {call.tool_name for response in responses for call in response.tool_calls}
    left = [tool for tool in info.function_tools if tool.name not in used]
    parts = [part for message in messages for part in message.parts]
    results = "".join(f"\n{part.content}" for part in parts if isinstance(part, ToolReturnPart))
    ending = "Say in one sentence what you do next." if left else "Tell me in two sentences what was done."
    stream = await _api.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": f"{_question(messages)}{results}\n{ending}"}],
        max_completion_tokens=40,
        temperature=0,
        stream=True,
    )
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content
    if left:
        yield await _call(messages, left[0])


async def _call(messages: list[ModelMessage], tool: ToolDefinition) -> dict[int, DeltaToolCall]:
    """Have the arguments of a tool written, and return the call."""
    schema = {"name": tool.name, "schema": tool.parameters_json_schema}
    request = f"{_question(messages)}\nWrite the arguments of `{tool.name}` as JSON."
    written = await _api.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": request}],
        response_format={"type": "json_schema", "json_schema": schema},
        max_completion_tokens=40,
        temperature=0,
    )
    arguments = written.choices[0].message.content
    return {1: DeltaToolCall(name=tool.name, json_args=arguments, tool_call_id=f"call_{written.id}")}


def _question(messages: list[ModelMessage]) -> str:
    """Return what the person said last."""
    prompts = [part for message in messages for part in message.parts if isinstance(part, UserPromptPart)]
    content = prompts[-1].content
    return content if isinstance(content, str) else " ".join(piece for piece in content if isinstance(piece, str))


model = FunctionModel(stream_function=local, model_name=MODEL)
