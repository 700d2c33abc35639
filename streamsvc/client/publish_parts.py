"""Parts of an answer, for whoever says it: opened, written to and completed, without indexes."""

from __future__ import annotations

from collections.abc import Sequence

from streamsvc.client.publish_outbox import Outbox
from streamsvc.v1 import content_pb2, event_pb2


class Voice:
    """Says events into an outbox, and waits while that is full. `parts` are those that were said before."""

    def __init__(self, outbox: Outbox, parts: Sequence[content_pb2.ContentPart]) -> None:
        self._outbox = outbox
        self._next = len(parts)
        self._loose: Text | None = None
        if parts and parts[-1].HasField("text") and not parts[-1].completed:
            self._loose = Text(self)
            self._loose.index = len(parts) - 1

    async def event(self, event: event_pb2.Event) -> None:
        """Say an event. It must not be changed any more."""
        if event.HasField("part_started"):
            await self.settle()
            self._next += 1
        await self._outbox.room.wait()
        self._outbox.put(event)

    async def grow(self, index: int, text: str) -> None:
        """Append text to a text part."""
        await self._outbox.room.wait()
        self._outbox.say(index, text)

    async def open(self, part: content_pb2.ContentPart) -> int:
        """Open a part, and return its index."""
        await self.settle()
        await self._outbox.room.wait()
        part.index, self._next = self._next, self._next + 1
        self._outbox.put(event_pb2.Event(part_started=event_pb2.PartStarted(part=part)))
        return part.index

    async def loose(self, text: str) -> None:
        """Say text that nobody opened a part for: in the last part if that is such a one, else in a new one."""
        if self._loose is None:
            opened = await Text(self).__aenter__()
            self._loose = opened
        await self._loose.write(text)

    async def settle(self) -> None:
        """Complete the part of such text, if it is open."""
        part, self._loose = self._loose, None
        if part is not None:
            await part.complete()


class Part:
    """A part of an answer. Entering its block opens it, leaving completes it."""

    def __init__(self, voice: Voice) -> None:
        self.index = -1
        self._voice = voice
        self._completed = False

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # A part that an error cut off stays open: so readers see that it was.
        if kind is None:
            await self.complete()

    async def complete(self) -> None:
        """Say that nothing more is added to the part. Saying it again does nothing."""
        if not self._completed:
            self._completed = True
            await self._voice.event(event_pb2.Event(part_completed=event_pb2.PartCompleted(part_index=self.index)))


class Text(Part):
    """A part of text."""

    async def __aenter__(self) -> Text:
        self.index = await self._voice.open(content_pb2.ContentPart(text=content_pb2.TextPart()))
        return self

    async def write(self, text: str) -> None:
        """Append text. Waits while the service is far behind."""
        if text:
            await self._voice.grow(self.index, text)

    async def cite(self, citation: content_pb2.Citation) -> None:
        """Name a source of the text."""
        added = event_pb2.CitationAdded(part_index=self.index, citation=citation)
        await self._voice.event(event_pb2.Event(citation_added=added))


class Reasoning(Part):
    """A part of reasoning."""

    async def __aenter__(self) -> Reasoning:
        self.index = await self._voice.open(content_pb2.ContentPart(reasoning=content_pb2.ReasoningPart()))
        return self

    async def write(self, text: str) -> None:
        """Append reasoning."""
        delta = event_pb2.ReasoningDelta(part_index=self.index, text=text)
        await self._voice.event(event_pb2.Event(reasoning_delta=delta))


class ToolCall(Part):
    """A call of a tool, from its arguments to its results. `call_id` is unique in the job."""

    def __init__(self, voice: Voice, name: str, call_id: str) -> None:
        super().__init__(voice)
        self._call = content_pb2.ToolCallPart(
            call_id=call_id,
            name=name,
            status=content_pb2.TOOL_CALL_STATUS_WRITING,
            runner=content_pb2.TOOL_RUNNER_PRODUCER,
        )

    async def __aenter__(self) -> ToolCall:
        self.index = await self._voice.open(content_pb2.ContentPart(tool_call=self._call))
        return self

    async def write(self, arguments_json: str) -> None:
        """Append to the JSON text of the arguments."""
        delta = event_pb2.ToolCallDelta(part_index=self.index, arguments_json=arguments_json)
        await self._voice.event(event_pb2.Event(tool_call_delta=delta))

    async def update(
        self,
        status: content_pb2.ToolCallStatus.ValueType,
        results: Sequence[content_pb2.ToolResultPart] = (),
    ) -> None:
        """Say how far the call has come. `results` replace earlier ones."""
        updated = event_pb2.ToolCallUpdated(part_index=self.index, status=status, results=results)
        await self._voice.event(event_pb2.Event(tool_call_updated=updated))

    async def succeed(self, text: str) -> None:
        """Say what the tool gave, as text."""
        result = content_pb2.ToolResultPart(text=text)
        await self.update(content_pb2.TOOL_CALL_STATUS_SUCCEEDED, [result])

    async def fail(self, text: str) -> None:
        """Say how the tool failed, as text."""
        result = content_pb2.ToolResultPart(text=text)
        await self.update(content_pb2.TOOL_CALL_STATUS_FAILED, [result])
