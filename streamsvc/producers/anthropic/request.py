"""A request in the words of the Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamsvc.producers.anthropic.messages import messages_of
from streamsvc.producers.requests import extra_of, further_tools, nothing_said, sampling_of, tools_of
from streamsvc.v1 import job_service_pb2

MAX_TOKENS = 32_000
"""The limit of a request that names none, since the API asks for one: what every present model can write."""

_RESERVED = ("stream", "messages", "model", "system")


def arguments_of(request: job_service_pb2.StartGenerationRequest) -> dict[str, Any]:
    """Return the arguments of the `anthropic` package's `messages.create`.

    `parameters.extra_json` is in `extra_body`, so it wins over the fields that have a place of their own; its `tools`,
    which the API runs itself, stand beside those that the caller runs. Raises FieldInvalid.
    """
    system, messages = messages_of(request.messages)
    if not messages:
        raise nothing_said()
    parameters = request.parameters
    extra = extra_of(parameters, _RESERVED)
    arguments: dict[str, Any] = {
        "model": request.model,
        "max_tokens": parameters.max_tokens if parameters.HasField("max_tokens") else MAX_TOKENS,
        "messages": messages,
        "stream": True,
    }
    if system:
        arguments["system"] = system
    if parameters.stop_sequences:
        arguments["stop_sequences"] = list(parameters.stop_sequences)
    if tools := [_tool(*tool) for tool in tools_of(request)] + further_tools(extra):
        arguments["tools"] = tools
    # The package has no name for them any more: new models do not take them.
    return {**arguments, "extra_body": {**sampling_of(parameters), **extra}}


def _tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    described = {"description": description} if description else {}
    return {"name": name, **described, "input_schema": schema}


def is_bound(extra: Mapping[str, Any]) -> bool:
    """Tell whether further parameters make the API hold the answer to a form, such as a JSON schema."""
    config = extra.get("output_config")
    return isinstance(config, dict) and bool(config.get("format"))


def hand_over(arguments: dict[str, Any], beginning: str) -> str:
    """Put the beginning of the answer at the end of the messages in `arguments`, to be continued (a prefill).

    Returns the last message's text. The model does not think again before it goes on: the API takes no prefill then,
    and its thoughts are in the log already.
    """
    messages = list(arguments["messages"])
    content: list[dict[str, Any]] = []
    # The caller has begun the answer itself: it is one message, or the model would begin a second one.
    if messages[-1]["role"] == "assistant":
        content = list(messages.pop()["content"])
    if content and content[-1]["type"] == "text":
        beginning = content.pop()["text"] + beginning
    content.append({"type": "text", "text": beginning})
    arguments["messages"] = [*messages, {"role": "assistant", "content": content}]
    arguments["extra_body"] = {key: value for key, value in arguments["extra_body"].items() if key != "thinking"}
    return beginning
