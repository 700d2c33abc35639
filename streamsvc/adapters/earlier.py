"""What an earlier attempt said and what is said anew: each part finds its place, and a text that is repeated stays."""

from __future__ import annotations

from collections.abc import Container, Iterator

from streamsvc.fold import growing_text, set_growing_text
from streamsvc.v1 import content_pb2, state_pb2

_RUNNING = content_pb2.RUN_STEP_STATUS_RUNNING


class Earlier:
    """The parts and steps of `so_far` that do not stay: see Saying."""

    def __init__(self, so_far: state_pb2.JobState, kept: Container[str] | None) -> None:
        self.steps = {step.id for step in so_far.steps if not _stays(step.id, step.status != _RUNNING, kept)}
        self._left: list[content_pb2.ContentPart] = []
        self._told: dict[int, tuple[str, int]] = {}
        self._stay: list[content_pb2.ContentPart] = []
        for part in so_far.parts:
            whole = part.step_id not in self.steps if part.step_id else part.completed
            (self._stay if _stays(part.step_id, whole, kept) else self._left).append(part)

    def stay(self) -> Iterator[content_pb2.ContentPart]:
        """Return the parts that stay, each a message of its own."""
        for part in self._stay:
            copy = content_pb2.ContentPart()
            copy.CopyFrom(part)
            yield copy

    def place(self, part: content_pb2.ContentPart) -> tuple[int | None, bool]:
        """Give a part the place of one of its kind, of the same step if there is one: None if there is no such one.

        The second value says whether that one may stay until it is known that the new one says something else.
        """
        alike = [old for old in self._left if old.WhichOneof("kind") == part.WhichOneof("kind")]
        old = next((old for old in alike if old.step_id == part.step_id), alike[0] if alike else None)
        if old is None:
            return None, False
        self._left.remove(old)
        text = growing_text(old)
        if text and not old.HasField("tool_call") and _bare(old) == _bare(part):
            self._told[old.index] = (text, 0)
        return old.index, old.index in self._told

    def beyond(self, index: int, text: str) -> tuple[str | None, str]:
        """Return what of a text is new in its part; before it, what the part must be set back to, if it must be."""
        told, at = self._told.pop(index, ("", 0))
        if told[at:].startswith(text):
            self._told[index] = (told, at + len(text))
            return None, ""
        if text.startswith(told[at:]):
            return None, text[len(told) - at :]
        return told[:at], text

    def short(self, index: int) -> str | None:
        """Return what a part must be set back to that ends here, if it said more before."""
        told, at = self._told.pop(index, ("", 0))
        return told[:at] if at < len(told) else None

    def emptied(self) -> Iterator[content_pb2.ContentPart]:
        """Return the parts in whose place nothing came, and that hold nothing now: a part cannot be taken away."""
        for part in self._left:
            empty = content_pb2.ContentPart(index=part.index, step_id=part.step_id, completed=True)
            if part.HasField("tool_call"):
                call = part.tool_call
                failed = content_pb2.TOOL_CALL_STATUS_FAILED
                empty.tool_call.CopyFrom(content_pb2.ToolCallPart(call_id=call.call_id, name=call.name, status=failed))
            elif (kind := part.WhichOneof("kind")) is not None:
                getattr(empty, kind).SetInParent()
            yield empty


def _stays(step_id: str, whole: bool, kept: Container[str] | None) -> bool:
    return whole if kept is None else whole and step_id in kept


def _bare(part: content_pb2.ContentPart) -> content_pb2.ContentPart:
    """Return a part without what grows in it, and without its place."""
    bare = content_pb2.ContentPart()
    bare.CopyFrom(part)
    bare.ClearField("index")
    bare.ClearField("completed")
    set_growing_text(bare, "")
    return bare
