"""The tools that the Responses API runs itself: each call is a step of the run, and a part that holds what it gave."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from streamsvc.producers.answer import Answer
from streamsvc.producers.fields import object_of, text_of
from streamsvc.producers.kept import compact
from streamsvc.producers.openai_responses.items import Item, escaped, further
from streamsvc.producers.parts import part_completed, tool_call_delta, tool_call_updated
from streamsvc.v1 import content_pb2, event_pb2

LARGEST_IMAGE = 512 * 1024
"""How many bytes of an image are kept inline: an event with it has to fit under the service's limit."""

_FAILED = ("failed", "incomplete")
_CALL = content_pb2.TOOL_CALL_STATUS_SUCCEEDED, content_pb2.TOOL_CALL_STATUS_FAILED
_STEP = content_pb2.RUN_STEP_STATUS_SUCCEEDED, content_pb2.RUN_STEP_STATUS_FAILED


class Step(Item):
    """A step, named by the item's id."""

    def add(self, given: Mapping[str, Any]) -> None:
        """See `Item.add`."""
        self.id, self._kind = text_of(given.get("id")), text_of(given.get("type"))
        running = content_pb2.RUN_STEP_STATUS_RUNNING
        step = content_pb2.RunStep(id=self.id, type=self._kind, title=self.title(given), status=running)
        self.answer.pass_seam()
        self.answer.close()
        self.answer.say(event_pb2.Event(run_step_created=event_pb2.RunStepCreated(step=step)))

    def title(self, given: Mapping[str, Any]) -> str:
        """Return a short text for people."""
        return self._kind.removesuffix("_call").replace("_", " ")

    def grow(self, kind: str, event: Mapping[str, Any]) -> bool:
        """See `Item.grow`."""
        owner, _, phase = kind.partition(".")
        if owner != self._kind:
            return False
        if phase not in ("in_progress", "completed", "failed"):
            step = content_pb2.RunStep(id=self.id, detail_json=compact({"phase": phase}))
            self.answer.say(event_pb2.Event(run_step_updated=event_pb2.RunStepUpdated(step=step)))
        return True

    def done(self, given: Mapping[str, Any]) -> None:
        """See `Item.done`."""
        completed = event_pb2.RunStepCompleted(step_id=self.id, status=_STEP[_failed(given)])
        self.answer.say(event_pb2.Event(run_step_completed=completed))


class ToolStep(Step):
    """A step whose part is the call of a tool. `names` says which fields are its arguments, and which its results."""

    arguments: Callable[[Mapping[str, Any]], object]
    results: Callable[[Mapping[str, Any]], object]

    def add(self, given: Mapping[str, Any]) -> None:
        """See `Item.add`."""
        super().add(given)
        self._argued = False
        call = content_pb2.ToolCallPart(
            call_id=self.id,
            name=text_of(given.get("name")) or self._kind.removesuffix("_call"),
            status=content_pb2.TOOL_CALL_STATUS_WRITING,
            runner=content_pb2.TOOL_RUNNER_UPSTREAM,
        )
        self._part = self.answer.open(content_pb2.ContentPart(tool_call=call, step_id=self.id))

    def argue(self, text: str) -> None:
        """Add to the call's arguments."""
        if text:
            self._argued = True
            self.answer.say(tool_call_delta(self._part, text))

    def done(self, given: Mapping[str, Any]) -> None:
        """See `Item.done`."""
        if not self._argued and (arguments := self.arguments_of(given)):
            self.argue(arguments if isinstance(arguments, str) else compact(arguments))
        status = _CALL[_failed(given)]
        self.answer.say(tool_call_updated(self._part, status, _results(self.results_of(given))))
        self.answer.say(part_completed(self._part, self.answer.keep.text(dict(given))))
        super().done(given)

    def arguments_of(self, given: Mapping[str, Any]) -> object:
        """Return the arguments in the whole item: JSON text, or what becomes one."""
        return None

    def results_of(self, given: Mapping[str, Any]) -> object:
        """Return what the tool gave: a text, or what becomes JSON."""
        return None


class WebSearch(ToolStep):
    """A search of the web."""

    def arguments_of(self, given: Mapping[str, Any]) -> object:
        """See `ToolStep.arguments_of`."""
        return further(object_of(given.get("action")), "sources")

    def results_of(self, given: Mapping[str, Any]) -> object:
        """See `ToolStep.results_of`."""
        return object_of(given.get("action")).get("sources")


class FileSearch(ToolStep):
    """A search of files."""

    def arguments_of(self, given: Mapping[str, Any]) -> object:
        """See `ToolStep.arguments_of`."""
        return {"queries": given.get("queries")}

    def results_of(self, given: Mapping[str, Any]) -> object:
        """See `ToolStep.results_of`."""
        return given.get("results")


class CodeInterpreter(ToolStep):
    """A program that the model writes, and that the API runs."""

    def grow(self, kind: str, event: Mapping[str, Any]) -> bool:
        """See `Item.grow`."""
        match kind:
            case "code_interpreter_call_code.delta":
                opening = "" if self._argued else '{"code":"'
                self.argue(opening + escaped(text_of(event.get("delta"))))
            case "code_interpreter_call_code.done" if self._argued:
                self.argue('"}')
            case _:
                return super().grow(kind, event)
        return True

    def arguments_of(self, given: Mapping[str, Any]) -> object:
        """See `ToolStep.arguments_of`."""
        return {"code": given.get("code")}

    def results_of(self, given: Mapping[str, Any]) -> object:
        """See `ToolStep.results_of`."""
        return given.get("outputs")


class McpCall(ToolStep):
    """A tool of a server that the API calls."""

    def title(self, given: Mapping[str, Any]) -> str:
        """See `Step.title`."""
        return text_of(given.get("server_label"))

    def grow(self, kind: str, event: Mapping[str, Any]) -> bool:
        """See `Item.grow`."""
        if kind == "mcp_call_arguments.delta":
            self.argue(text_of(event.get("delta")))
            return True
        return super().grow(kind, event)

    def arguments_of(self, given: Mapping[str, Any]) -> object:
        """See `ToolStep.arguments_of`."""
        return given.get("arguments")

    def results_of(self, given: Mapping[str, Any]) -> object:
        """See `ToolStep.results_of`."""
        return given.get("error") or given.get("output")


class McpTools(McpCall):
    """The list of a server's tools."""

    def results_of(self, given: Mapping[str, Any]) -> object:
        """See `ToolStep.results_of`."""
        return given.get("error") or given.get("tools")


class Image(Step):
    """An image that the model makes: a file, which is replaced as its previews get better."""

    def add(self, given: Mapping[str, Any]) -> None:
        """See `Item.add`."""
        super().add(given)
        self._part: int | None = None

    def grow(self, kind: str, event: Mapping[str, Any]) -> bool:
        """See `Item.grow`."""
        if kind == "image_generation_call.partial_image":
            self._show(self._file(event, "partial_image_b64"))
            return True
        return super().grow(kind, event)

    def done(self, given: Mapping[str, Any]) -> None:
        """See `Item.done`."""
        part = self._file(given, "result")
        part.completed, part.upstream_json = True, self.answer.keep.text(further(given, "result", "status"))
        self._show(part)
        super().done(given)

    def _file(self, given: Mapping[str, Any], field: str) -> content_pb2.ContentPart:
        file = content_pb2.FilePart(media_type=f"image/{text_of(given.get('output_format')) or 'png'}")
        data = _bytes(text_of(given.get(field)))
        if data and len(data) <= LARGEST_IMAGE:
            file.data = data
        return content_pb2.ContentPart(file=file, step_id=self.id)

    def _show(self, part: content_pb2.ContentPart) -> None:
        if self._part is None:
            self._part = self.answer.open(part)
        else:
            part.index = self._part
            self.answer.say(event_pb2.Event(part_replaced=event_pb2.PartReplaced(part=part)))


STEPS: Mapping[str, Callable[[Answer, Mapping[str, Any]], Item]] = {
    "web_search_call": WebSearch,
    "file_search_call": FileSearch,
    "code_interpreter_call": CodeInterpreter,
    "mcp_call": McpCall,
    "mcp_list_tools": McpTools,
    "image_generation_call": Image,
}


def _failed(given: Mapping[str, Any]) -> bool:
    return bool(given.get("error")) or given.get("status") in _FAILED


def _results(given: object) -> list[content_pb2.ToolResultPart]:
    if not given:
        return []
    if isinstance(given, str):
        return [content_pb2.ToolResultPart(text=text_of(given))]
    return [content_pb2.ToolResultPart(json=compact(given))]


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("an image is not written in base64") from None
