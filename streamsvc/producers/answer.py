"""An answer while it is written: parts open and close, what was said before is not said again, tokens are counted."""

from __future__ import annotations

from typing import Any

from streamsvc.producers.base import Finished, Notes
from streamsvc.producers.calls import Call, Calls
from streamsvc.producers.kept import Kept
from streamsvc.producers.parts import citation_added, part_completed, reasoning_delta, text_delta, tool_call_delta
from streamsvc.producers.said import Said
from streamsvc.producers.seam import Astray, Seam
from streamsvc.producers.tokens import TokenCount
from streamsvc.v1 import content_pb2, event_pb2, job_pb2

LONGEST_NAME = 256
"""How much of a name that an upstream gives is kept, in characters."""

NOTHING = Said()
"""What was said before a first attempt."""

_CUT_OFF = (job_pb2.FINISH_REASON_LENGTH, job_pb2.FINISH_REASON_CONTENT_FILTER, job_pb2.FINISH_REASON_CONTEXT_LENGTH)


class Answer:
    """One answer of a model, as its reader tells of it; `take` gives the events.

    Text, reasoning and a refusal open a part when there is something to say, and the part that is open closes when
    another begins; calls close at the end. Usage is told once, with the end: some endpoints count anew in every chunk.

    `said` is what an earlier attempt said. Its open text goes on in its part; `seam` drops what the model says again of
    it, and reasoning that comes first is dropped too. `tokens` counts along. `keep` writes what goes back to
    the upstream with a part; `kept` is that for the part that is open.
    """

    def __init__(
        self,
        model: str,
        keep: Kept,
        said: Said = NOTHING,
        seam: Seam | None = None,
        tokens: TokenCount | None = None,
    ) -> None:
        self.keep = keep
        self.calls = Calls(keep)
        self.usage: content_pb2.Usage | None = None
        self.parts = said.parts()
        self._model = model
        self._events: list[event_pb2.Event] = []
        self._open: tuple[str, int] | None = None if said.open_text is None else ("text", said.open_text)
        self._seam = seam
        self._reasoned = said.reasoned
        self.tokens = tokens
        self.kept: dict[str, Any] = {}
        self._text = said.open_text
        self._sources: list[content_pb2.Citation] = []
        self._begun = False
        self._mused = False
        self._refused = False

    @property
    def begun(self) -> bool:
        """Whether anything was said of it."""
        return self._begun

    @property
    def tells_its_end(self) -> bool:
        """Whether how the answer ends depends on what was said: on a call, or a refusal."""
        return bool(self.calls.all) or self._refused

    @property
    def is_reasoning(self) -> bool:
        """Whether the part that grows is reasoning."""
        return self._open is not None and self._open[0] not in _TEXTS

    def note(self, notes: Notes) -> None:
        """Note the count of tokens for the next attempt, from time to time."""
        if self.tokens and self.tokens.due:
            notes.value = self.tokens.note()

    def take(self) -> list[event_pb2.Event]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events

    def say(self, *events: event_pb2.Event) -> None:
        """Say events as they are."""
        self._events += events

    @property
    def open_part(self) -> int | None:
        """The part that grows, if there is one."""
        return self._open[1] if self._open is not None else None

    def answered_by(self, model: str) -> None:
        """Note the name that the model gives itself."""
        self._model = model[:LONGEST_NAME] or self._model

    def tell(self, text: str) -> None:
        """Add text, or what of it was not said before. Raises Astray."""
        if not text:
            return
        if self.tokens:
            self.tokens.add(text)
        self._mused = False
        if self._seam is not None:
            text = self._seam.take(text)
            self._seam = None if self._seam.joined else self._seam
        self._append("text", text)

    def reason(self, text: str, *, summary: bool = False) -> None:
        """Add reasoning, unless what follows on it was said before."""
        if not text:
            return
        if self.tokens:
            self.tokens.add_reasoning()
        self._mused = self._seam is not None
        if self._seam is None and not self._reasoned:
            self._append("summary" if summary else "reasoning", text)

    def refuse(self, text: str) -> None:
        """Add to what the model says of why it declines. Raises Astray."""
        self.pass_seam()
        self._append("refusal", text)

    def open(self, part: content_pb2.ContentPart) -> int:
        """Open a part of another kind, whole or to grow further. Returns its index. Raises Astray."""
        self.pass_seam()
        self.close()
        index, opened = self.parts.start(part)
        self.say(opened)
        return index

    def withhold(self, kept: dict[str, Any]) -> None:
        """Add reasoning that nobody but the model can read, unless what follows on it was said before."""
        if self._seam is None and not self._reasoned:
            reasoning, kept_text = content_pb2.ReasoningPart(), self.keep.text(kept)
            self.open(content_pb2.ContentPart(reasoning=reasoning, completed=True, upstream_json=kept_text))

    def call(self, upstream_id: str, name: str) -> Call:
        """Open a call that the caller is to run. Raises Astray."""
        call_id, writing = self.calls.free_id(upstream_id), content_pb2.TOOL_CALL_STATUS_WRITING
        runner = content_pb2.TOOL_RUNNER_CALLER
        part = content_pb2.ToolCallPart(call_id=call_id, name=name, status=writing, runner=runner)
        call = Call(self.open(content_pb2.ContentPart(tool_call=part)), call_id, name, upstream_id)
        self.calls.all.append(call)
        return call

    def argue(self, call: Call, arguments: str) -> None:
        """Add to the arguments of a call."""
        if arguments:
            call.arguments.append(arguments)
            self.say(tool_call_delta(call.part, arguments))

    def pass_seam(self) -> None:
        """Say what was held back: what follows is no text. Raises Astray."""
        self._begun, self._reasoned, self._mused = True, False, False
        if self._seam is not None:
            seam, self._seam = self._seam, None
            self._append("text", seam.end())

    def begin_text(self) -> None:
        """Hear that a text begins of which nothing is said yet: sources named from now on are its own."""
        self._text = self.open_part

    def cite(self, citation: content_pb2.Citation) -> None:
        """Name a source of the newest text, or of the next one if there is none yet."""
        self._sources.append(citation)
        if self._text is not None:
            self._name_sources(self._text)

    def close(self) -> None:
        """Close the part that is open, if there is one. `kept` goes back with it."""
        if self._open is not None:
            self.say(part_completed(self._open[1], self.keep.text(self.kept)))
            self._open, self.kept = None, {}

    def break_off(self) -> list[event_pb2.Event]:
        """Return what is known of an answer that has no end: nothing if nothing was said, for it may be asked again."""
        return self._counted() if self._begun else []

    def end(self, reason: job_pb2.FinishReason.ValueType, upstream_reason: str) -> list[event_pb2.Event | Finished]:
        """Return what closes the answer, `Finished` last. Raises Astray if it did not go on with what was said."""
        mused, cut_off = self._mused, reason in _CUT_OFF
        self.pass_seam()
        # Some endpoints take what follows on a handed answer for reasoning: what was said must not pass for the whole.
        if mused and not cut_off:
            raise Astray
        self.close()
        finished = Finished(self._plain(reason), upstream_reason[:LONGEST_NAME])
        return [*self.take(), *self.calls.close(cut_off=cut_off), *self._counted(), finished]

    def _plain(self, reason: job_pb2.FinishReason.ValueType) -> job_pb2.FinishReason.ValueType:
        if reason != job_pb2.FINISH_REASON_STOP:
            return reason
        if self._refused:
            return job_pb2.FINISH_REASON_REFUSAL
        # Not every endpoint says that it stopped for its calls.
        return job_pb2.FINISH_REASON_TOOL_CALLS if self.calls.all else reason

    def _counted(self) -> list[event_pb2.Event]:
        if self.usage is None:
            return []
        entry = content_pb2.UsageEntry(model=self._model, usage=self.usage)
        return [event_pb2.Event(usage_updated=event_pb2.UsageUpdated(entry=entry))]

    def _append(self, kind: str, text: str) -> None:
        if not text:
            return
        self._begun, self._reasoned = True, False
        if self._open is None or self._open[0] != kind:
            self.close()
            self._open = (kind, self._start(kind))
        index = self._open[1]
        self._events.append(text_delta(index, text) if kind in _TEXTS else reasoning_delta(index, text))

    def _start(self, kind: str) -> int:
        if kind in _TEXTS:
            self._refused = self._refused or kind == "refusal"
            index, opened = self.parts.start_text(refusal=kind == "refusal")
        else:
            index, opened = self.parts.start_reasoning(summary=kind == "summary")
        self.say(opened)
        if kind == "text":
            self._text = index
            self._name_sources(index)
        return index

    def _name_sources(self, part: int) -> None:
        sources, self._sources = self._sources, []
        self.say(*(citation_added(part, citation) for citation in sources))


_TEXTS = frozenset({"text", "refusal"})
