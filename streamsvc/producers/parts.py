"""Events of an answer's parts: opening them in order, and what is said in them."""

from __future__ import annotations

from collections.abc import Sequence

from streamsvc.v1 import content_pb2, event_pb2

# Deltas are nearly all that a producer says. Filling a field in its place takes half the time of building it beside.


def text_delta(index: int, text: str) -> event_pb2.Event:
    """Return the event that appends `text` to the text part `index`."""
    event = event_pb2.Event()
    delta = event.text_delta
    delta.part_index, delta.text = index, text
    return event


def reasoning_delta(index: int, text: str) -> event_pb2.Event:
    """Return the event that appends `text` to the reasoning part `index`."""
    event = event_pb2.Event()
    delta = event.reasoning_delta
    delta.part_index, delta.text = index, text
    return event


def tool_call_delta(index: int, arguments_json: str) -> event_pb2.Event:
    """Return the event that appends to the arguments of the tool call `index`."""
    event = event_pb2.Event()
    delta = event.tool_call_delta
    delta.part_index, delta.arguments_json = index, arguments_json
    return event


def tool_call_updated(
    index: int,
    status: content_pb2.ToolCallStatus.ValueType,
    results: Sequence[content_pb2.ToolResultPart] = (),
) -> event_pb2.Event:
    """Return the event that says how far the tool call `index` has come."""
    updated = event_pb2.ToolCallUpdated(part_index=index, status=status, results=results)
    return event_pb2.Event(tool_call_updated=updated)


def part_completed(index: int, upstream_json: str = "") -> event_pb2.Event:
    """Return the event after which nothing more is added to the part `index`, with what goes back to the upstream."""
    return event_pb2.Event(part_completed=event_pb2.PartCompleted(part_index=index, upstream_json=upstream_json))


def citation_added(index: int, citation: content_pb2.Citation) -> event_pb2.Event:
    """Return the event that names a source of the text part `index`."""
    return event_pb2.Event(citation_added=event_pb2.CitationAdded(part_index=index, citation=citation))


def custom(name: str, json: str, key: str = "") -> event_pb2.Event:
    """Return an event that the service has no kind for; with a `key` the newest one is kept."""
    return event_pb2.Event(custom=event_pb2.CustomEvent(name=name, json=json, key=key))


class Parts:
    """Hands out part indexes: 0, 1, 2, ... or on from what an earlier attempt opened."""

    def __init__(self, opened: int = 0) -> None:
        self._next = opened

    @property
    def opened(self) -> int:
        """How many parts there are."""
        return self._next

    def start(self, part: content_pb2.ContentPart) -> tuple[int, event_pb2.Event]:
        """Return the next free index, and the event that opens `part` under it."""
        index, self._next = self._next, self._next + 1
        part.index = index
        return index, event_pb2.Event(part_started=event_pb2.PartStarted(part=part))

    def start_text(self, *, refusal: bool = False) -> tuple[int, event_pb2.Event]:
        """Open a text part."""
        return self.start(content_pb2.ContentPart(text=content_pb2.TextPart(refusal=refusal)))

    def start_reasoning(self, *, summary: bool = False) -> tuple[int, event_pb2.Event]:
        """Open a reasoning part."""
        return self.start(content_pb2.ContentPart(reasoning=content_pb2.ReasoningPart(summary=summary)))

    def start_tool_call(
        self, call_id: str, name: str, runner: content_pb2.ToolRunner.ValueType
    ) -> tuple[int, event_pb2.Event]:
        """Open a tool call whose arguments are yet to be written."""
        status = content_pb2.TOOL_CALL_STATUS_WRITING
        call = content_pb2.ToolCallPart(call_id=call_id, name=name, status=status, runner=runner)
        return self.start(content_pb2.ContentPart(tool_call=call))
