"""A request in the words of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamsvc.errors import FieldInvalid
from streamsvc.producers.openai_responses.messages import input_of
from streamsvc.producers.requests import extra_of, further_tools, nothing_said, sampling_of, tools_of
from streamsvc.v1 import job_service_pb2

_RESERVED = ("stream", "input", "model")


def arguments_of(request: job_service_pb2.StartGenerationRequest) -> dict[str, Any]:
    """Return the arguments of the `openai` package's `responses.create`.

    `parameters.extra_json` is in `extra_body`, so it wins over the fields that have a place of their own; its `tools`,
    which the API runs itself, stand beside those that the caller runs. Raises FieldInvalid.
    """
    items = input_of(request.messages)
    if not items:
        raise nothing_said()
    parameters = request.parameters
    extra = extra_of(parameters, _RESERVED)
    arguments: dict[str, Any] = {"model": request.model, "input": items, "stream": True, **sampling_of(parameters)}
    if parameters.HasField("max_tokens"):
        arguments["max_output_tokens"] = parameters.max_tokens
    if parameters.stop_sequences:
        raise FieldInvalid.of("parameters.stop_sequences", "the Responses API knows none; leave them out")
    if tools := [_tool(*tool) for tool in tools_of(request)] + further_tools(extra):
        arguments["tools"] = tools
    return {**arguments, "extra_body": extra}


def is_background(extra: Mapping[str, Any]) -> bool:
    """Tell whether further parameters make the upstream go on when nobody listens."""
    return extra.get("background") is True


def is_bound(extra: Mapping[str, Any]) -> bool:
    """Tell whether further parameters make the API hold the answer to a form, such as a JSON schema."""
    text = extra.get("text")
    form = text.get("format") if isinstance(text, dict) else None
    return isinstance(form, dict) and form.get("type") != "text"


def hand_over(arguments: dict[str, Any], beginning: str) -> str:
    """Put the beginning of the answer at the end of the input in `arguments`, to be continued.

    Returns the last message's text, with which an endpoint may begin its own.
    """
    items = list(arguments["input"])
    last = items[-1]
    # The caller has begun the answer itself: it is one message, or the model would begin a second one.
    if last.get("role") == "assistant":
        content = items.pop()["content"]
        said = content if isinstance(content, str) else "".join(block.get("text", "") for block in content)
        beginning = said + beginning
    block = {"type": "output_text", "text": beginning, "annotations": []}
    arguments["input"] = [*items, {"type": "message", "role": "assistant", "content": [block]}]
    return beginning


def _tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    described = {"description": description} if description else {}
    # This API would hold the model to the schema to the letter, which not every schema allows.
    return {"type": "function", "name": name, **described, "parameters": schema, "strict": False}
