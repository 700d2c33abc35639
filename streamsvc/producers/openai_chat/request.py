"""A request in the words of the chat completions API, and what of it that API cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamsvc.producers.modes import Mode
from streamsvc.producers.openai_chat.messages import messages_of
from streamsvc.producers.requests import extra_of, nothing_said, sampling_of, tools_of
from streamsvc.v1 import job_service_pb2

# What a stream is made of here. A caller who changed these would get an answer that nobody can read.
_RESERVED = ("stream", "stream_options", "messages", "model")
# What binds an answer to a form, by the names that OpenAI, llama.cpp, vLLM and SGLang have for it.
_BINDING = frozenset({"grammar", "json_schema", "structured_outputs", "regex", "ebnf", "guided_json", "guided_regex"})


def arguments_of(request: job_service_pb2.StartGenerationRequest) -> dict[str, Any]:
    """Return the arguments of the `openai` package's `chat.completions.create`.

    `parameters.extra_json` is in `extra_body`, so it wins over the fields that have a place of their own. A
    `max_completion_tokens` in it takes the place of `max_tokens`, since the endpoints that ask for the one refuse the
    other.

    Raises FieldInvalid.
    """
    messages = messages_of(request.messages)
    if not messages:
        raise nothing_said()
    parameters = request.parameters
    extra = extra_of(parameters, _RESERVED)
    arguments: dict[str, Any] = {
        "model": request.model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "extra_body": extra,
        **sampling_of(parameters),
    }
    if parameters.HasField("max_tokens"):
        arguments["max_tokens"] = parameters.max_tokens
    if parameters.stop_sequences:
        arguments["stop"] = list(parameters.stop_sequences)
    if "max_completion_tokens" in extra:
        arguments.pop("max_tokens", None)
    if tools := [_tool(*tool) for tool in tools_of(request)]:
        arguments["tools"] = tools
    return arguments


def is_bound(extra: Mapping[str, Any]) -> bool:
    """Tell whether further parameters make the endpoint hold the answer to a form, such as a JSON schema."""
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


def _tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    described = {"description": description} if description else {}
    return {"type": "function", "function": {"name": name, **described, "parameters": schema}}
