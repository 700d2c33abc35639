"""A request in the words of the chat completions API, and what of it that API cannot say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from streamsvc.errors import FieldInvalid
from streamsvc.json_text import json_object
from streamsvc.producers.modes import Mode
from streamsvc.producers.openai_chat.messages import messages_of
from streamsvc.v1 import job_service_pb2

# What a stream is made of here. A caller who changed these would get an answer that nobody can read.
_RESERVED = ("stream", "stream_options", "messages", "model")
# What binds an answer to a form, by the names that OpenAI, llama.cpp, vLLM and SGLang have for it.
_BINDING = frozenset({"grammar", "json_schema", "structured_outputs", "regex", "ebnf", "guided_json", "guided_regex"})
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


def arguments_of(request: job_service_pb2.StartGenerationRequest) -> dict[str, Any]:
    """Return the arguments of the `openai` package's `chat.completions.create`.

    `parameters.extra_json` is in `extra_body`, so it wins over the fields that have a place of their own. A
    `max_completion_tokens` in it takes the place of `max_tokens`, since the endpoints that ask for the one refuse the
    other.

    Raises FieldInvalid.
    """
    messages = messages_of(request.messages)
    if not messages:
        raise FieldInvalid.of("messages", "must say something; give at least one message with text")
    extra = _extra(request.parameters.extra_json)
    arguments: dict[str, Any] = {
        "model": request.model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "extra_body": extra,
        **_sampling(request.parameters),
    }
    if "max_completion_tokens" in extra:
        arguments.pop("max_tokens", None)
    if request.tools:
        arguments["tools"] = [_tool(index, tool) for index, tool in enumerate(request.tools)]
    return arguments


def is_bound(request: job_service_pb2.StartGenerationRequest) -> bool:
    """Tell whether the endpoint holds the answer to a form, such as a JSON schema. Raises FieldInvalid."""
    extra = _extra(request.parameters.extra_json)
    form = extra.get("response_format")
    return bool(_BINDING & extra.keys()) or (isinstance(form, dict) and form.get("type") != "text")


def hand_over(arguments: dict[str, Any], beginning: str, reasoning: str, mode: Mode) -> str:
    """Put the beginning of the answer at the end of the messages in `arguments`, to be continued.

    Returns the last message's text, with which an endpoint may begin its own.
    """
    messages = list(arguments["messages"])
    message: dict[str, Any] = {"role": "assistant", "content": beginning, **mode.message}
    if mode.takes_reasoning and reasoning:
        message["reasoning_content"] = reasoning
    last = messages[-1]
    # The caller has begun the answer itself: it is one message, or the model would begin a second one.
    if last["role"] == "assistant" and isinstance(last.get("content"), str) and "tool_calls" not in last:
        message["content"] = messages.pop()["content"] + beginning
    arguments["messages"] = [*messages, message]
    arguments["extra_body"] = {**arguments["extra_body"], **mode.request}
    return str(message["content"])


def _sampling(parameters: job_service_pb2.GenerationParameters) -> dict[str, Any]:
    sampling: dict[str, Any] = {}
    for name in ("temperature", "top_p"):
        if parameters.HasField(name):
            value = getattr(parameters, name)
            if not math.isfinite(value):
                raise FieldInvalid.of(f"parameters.{name}", "must be a finite number; leave it out for the default")
            sampling[name] = value
    if parameters.HasField("max_tokens"):
        sampling["max_tokens"] = parameters.max_tokens
    if parameters.stop_sequences:
        sampling["stop"] = list(parameters.stop_sequences)
    return sampling


def _extra(text: str) -> dict[str, Any]:
    field = "parameters.extra_json"
    extra = json_object(field, text)
    for key in _RESERVED:
        if key in extra:
            raise FieldInvalid.of(field, f"must not hold `{key}`, which the service sets; leave the key out", key=key)
    return extra


def _tool(index: int, tool: job_service_pb2.Tool) -> dict[str, Any]:
    if not tool.name:
        raise FieldInvalid.of(f"tools[{index}].name", "must not be empty; name the tool")
    field = f"tools[{index}].parameters_json"
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = json_object(field, tool.parameters_json) or _NO_PARAMETERS
    return {"type": "function", "function": function}
