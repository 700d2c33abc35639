"""What the families read alike in a request: sampling, further parameters, tools."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from streamsvc.errors import FieldInvalid
from streamsvc.json_text import json_object
from streamsvc.v1 import job_service_pb2

_EXTRA = "parameters.extra_json"
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


def nothing_said() -> FieldInvalid:
    """Return the error of a request whose messages say nothing."""
    return FieldInvalid.of("messages", "must say something; give at least one message with text")


def sampling_of(parameters: job_service_pb2.GenerationParameters) -> dict[str, Any]:
    """Return how to sample, by the names that all APIs have for it. Raises FieldInvalid."""
    sampling: dict[str, Any] = {}
    for name in ("temperature", "top_p"):
        if parameters.HasField(name):
            value = getattr(parameters, name)
            if not math.isfinite(value):
                raise FieldInvalid.of(f"parameters.{name}", "must be a finite number; leave it out for the default")
            sampling[name] = value
    return sampling


def extra_of(parameters: job_service_pb2.GenerationParameters, reserved: Collection[str]) -> dict[str, Any]:
    """Return the caller's further parameters. Raises FieldInvalid if they hold what the service sets itself."""
    extra = json_object(_EXTRA, parameters.extra_json)
    for key in reserved:
        if key in extra:
            raise FieldInvalid.of(_EXTRA, f"must not hold `{key}`, which the service sets; leave the key out", key=key)
    return extra


def further_tools(extra: dict[str, Any]) -> list[Any]:
    """Take the tools that the upstream itself runs, such as its web search, out of the further parameters."""
    tools = extra.pop("tools", [])
    if not isinstance(tools, list):
        raise FieldInvalid.of(_EXTRA, "must hold a list as `tools`; leave the key out for none", key="tools")
    return tools


def tools_of(request: job_service_pb2.StartGenerationRequest) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield name, description and schema of each tool that the caller runs. Raises FieldInvalid."""
    for index, tool in enumerate(request.tools):
        if not tool.name:
            raise FieldInvalid.of(f"tools[{index}].name", "must not be empty; name the tool")
        schema = json_object(f"tools[{index}].parameters_json", tool.parameters_json)
        yield tool.name, tool.description, schema or _NO_PARAMETERS
