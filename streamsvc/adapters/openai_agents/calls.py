"""Calls of tools in the Responses API's items: what each is called, was given and gave."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from streamsvc.adapters import files
from streamsvc.v1 import content_pb2

OWN = frozenset(
    {"function_call", "custom_tool_call", "local_shell_call", "shell_call", "apply_patch_call", "computer_call"}
)
"""Calls that the SDK runs in this process."""

HOSTED = frozenset({"web_search_call", "file_search_call", "code_interpreter_call", "mcp_call"})
"""Calls that the model's API runs: they come with what they gave."""

SILENT = frozenset(
    {"reasoning", "compaction", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"},
)
"""Items that are nothing to show, or that are told of otherwise."""

_ARGUMENTS = {
    "web_search_call": ("action",),
    "file_search_call": ("queries",),
    "code_interpreter_call": ("code",),
    "local_shell_call": ("action",),
    "shell_call": ("action",),
    "apply_patch_call": ("operation",),
    "computer_call": ("action", "actions"),
    "custom_tool_call": ("input",),
}
_RESULTS = ("error", "output", "outputs", "results")


def plain(item: Any) -> dict[str, Any]:
    """Return an item as a mapping of what is set."""
    if isinstance(item, Mapping):
        return dict(item)
    dumped: dict[str, Any] = item.model_dump(mode="json", exclude_none=True, warnings=False)
    return dumped


def id_of(item: Mapping[str, Any]) -> str:
    """Return the id of a call, or of the call that an output belongs to."""
    return str(item.get("call_id") or item.get("id") or "")


def name_of(item: Mapping[str, Any]) -> str:
    """Return the name of the tool."""
    return str(item.get("name") or str(item.get("type")).removesuffix("_call"))


def arguments_of(item: Mapping[str, Any]) -> str:
    """Return what the tool is given, as JSON text."""
    names = _ARGUMENTS.get(str(item.get("type")))
    if names is None:
        return str(item.get("arguments") or "")
    given = {name: item[name] for name in names if item.get(name) is not None}
    action = given.get("action")
    return json_of(action if isinstance(action, dict) else given)


def failed(item: Mapping[str, Any]) -> bool:
    """Return whether the model's API says that its call failed."""
    return bool(item.get("error")) or item.get("status") in ("failed", "incomplete")


def results_of(item: Mapping[str, Any]) -> list[content_pb2.ToolResultPart]:
    """Return what a call gave."""
    return [result for name in _RESULTS if item.get(name) for result in _results(item[name])]


def _results(given: Any) -> Iterator[content_pb2.ToolResultPart]:
    if isinstance(given, str):
        yield content_pb2.ToolResultPart(text=given)
    elif isinstance(given, list) and all(isinstance(piece, Mapping) and _known(piece) for piece in given):
        yield from map(_result, given)
    elif isinstance(given, Mapping) and given.get("type") == "computer_screenshot" and given.get("image_url"):
        yield content_pb2.ToolResultPart(file=files.at(given["image_url"], "image/png"))
    else:
        yield content_pb2.ToolResultPart(json=json_of(given))


def _known(piece: Mapping[str, Any]) -> bool:
    return piece.get("type") in ("input_text", "input_image", "input_file")


def _result(piece: Mapping[str, Any]) -> content_pb2.ToolResultPart:
    """Return one piece of what a tool gave, in the form in which the model is told of it."""
    name = piece.get("filename") or ""
    if piece["type"] == "input_text":
        return content_pb2.ToolResultPart(text=piece.get("text") or "")
    media_type = "image/png" if piece["type"] == "input_image" else ""
    if url := piece.get("image_url") or piece.get("file_url"):
        return content_pb2.ToolResultPart(file=files.at(url, media_type if url.startswith("data:") else "", name))
    if data := piece.get("file_data"):
        return content_pb2.ToolResultPart(file=files.of_data(data, name))
    file = content_pb2.FilePart(file_id=piece.get("file_id") or "", media_type=media_type, name=name)
    return content_pb2.ToolResultPart(file=file)


def json_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
