"""A producer without an upstream: deterministic, for demos, tests and load."""

from __future__ import annotations

import asyncio
import json
import uuid
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamsvc.errors import FieldInvalid
from streamsvc.producers import parts, scripted_questions
from streamsvc.producers.base import Finished, Notes, UpstreamError
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, job_service_pb2, state_pb2

TICK = 0.005
"""The shortest wait between deltas, in seconds: a faster rate is kept by saying more at each tick."""

_WORDS = (
    *("the", "a", "light", "of", "and", "river", "to", "in", "stone", "is", "that", "morning", "it", "as"),
    *("for", "on", "garden", "with", "by", "letter", "from", "at", "bridge", "this", "be", "answer", "or"),
    *("an", "are", "not", "water", "often", "seldom", "slowly", "gently", "again", "between", "under", "over"),
)

Count = Annotated[int, Field(ge=0, le=1_000_000)]


class Script(BaseModel):
    """What `parameters.extra_json` may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Count = 100
    rate: float = Field(default=20, ge=0, le=1_000_000, allow_inf_nan=False)
    pattern: Literal["count", "words"] = "words"
    seed: int = 0
    fail_after: Count | None = None
    hang_after: Count | None = None
    rich: bool = False
    ask: scripted_questions.Ask | None = None

    def delta(self, number: int) -> str:
        """Return the text of the delta `number`, counted from 0. It depends on nothing else."""
        if self.pattern == "count":
            return f"{number} "
        return _WORDS[zlib.crc32(f"{self.seed}:{number}".encode()) % len(_WORDS)] + " "


class Scripted:
    """Says `tokens` deltas at `rate` a second; see `Script`. Goes on at the next delta after what was said.

    With `ask` it asks people in the end. Started with answers it first says what it makes of each of them. `new_id`
    returns an id for a question, never used before.
    """

    default_model = "scripted"

    def __init__(self, name: str = "scripted", new_id: Callable[[], str] = lambda: uuid.uuid4().hex) -> None:
        self.name = name
        self._new_id = new_id

    def continues(self, request: job_service_pb2.StartGenerationRequest) -> bool:
        """See `Producer.continues`."""
        return True

    def check(self, request: job_service_pb2.StartGenerationRequest) -> None:
        """See `Producer.check`."""
        _script(request)

    async def generate(
        self,
        request: job_service_pb2.StartGenerationRequest,
        so_far: state_pb2.JobState | None,
        notes: Notes,
    ) -> AsyncIterator[event_pb2.Event | Finished]:
        """See `Producer.generate`."""
        script = _script(request)
        telling = _Telling(script, so_far, scripted_questions.replies(request.answers))
        length = script.tokens
        if request.parameters.HasField("max_tokens"):
            length = min(length, request.parameters.max_tokens)
        loop = asyncio.get_running_loop()
        for event in telling.reply():
            yield event
        began = loop.time() - (telling.said / script.rate if script.rate else 0)
        for number in range(telling.said, length):
            if script.rate and (wait := began + number / script.rate - loop.time()) > 0:
                await asyncio.sleep(max(wait, TICK))
            await _misbehave(script, number)
            for event in telling.tell(number):
                yield event
        await _misbehave(script, length)
        for event in telling.close(length):
            yield event
        if length < script.tokens:
            yield Finished(job_pb2.FINISH_REASON_LENGTH)
        elif script.ask is not None:
            for event in scripted_questions.ask(script.ask, telling.parts, so_far, self._new_id):
                yield event
            yield Finished(job_pb2.FINISH_REASON_INPUT_REQUIRED)
        else:
            yield Finished(job_pb2.FINISH_REASON_STOP)


class _Telling:
    """The events of a script, each a function of its delta's number; before them `replies`, a whole part each."""

    def __init__(
        self, script: Script, so_far: state_pb2.JobState | None, replies: Sequence[content_pb2.ContentPart]
    ) -> None:
        opened = list(so_far.parts) if so_far else []
        self._script = script
        self.parts = parts.Parts(len(opened))
        self._replies = replies[len(opened) :]
        opened = opened[len(replies) :]
        last = opened[-1] if opened else None
        open_text = last is not None and last.WhichOneof("kind") == "text" and not last.completed
        self._text: int | None = last.index if last is not None and open_text else None
        # Every delta ends with the only space in it.
        self.said = sum(part.text.text.count(" ") for part in opened)
        self._characters = len(last.text.text) if last is not None and open_text else 0

    def reply(self) -> Iterator[event_pb2.Event]:
        for part in self._replies:
            _, opening = self.parts.start(part)
            yield opening

    def tell(self, number: int) -> Iterator[event_pb2.Event]:
        if self._text is None:
            self._text, opening = self.parts.start_text()
            self._characters = 0
            yield opening
        text = self._script.delta(number)
        self._characters += len(text)
        yield parts.text_delta(self._text, text)
        if self._script.rich:
            yield from self._enrich(number)

    def close(self, length: int) -> Iterator[event_pb2.Event]:
        yield from self._close_text()
        if self._script.rich:
            usage = content_pb2.Usage(input_tokens=10, output_tokens=length, reasoning_tokens=length // 50)
            entry = content_pb2.UsageEntry(model="scripted", usage=usage)
            yield event_pb2.Event(usage_updated=event_pb2.UsageUpdated(entry=entry))

    def _enrich(self, number: int) -> Iterator[event_pb2.Event]:
        if number == 0:
            titled = event_pb2.MetadataUpdated(metadata={"title": "A scripted answer"})
            yield event_pb2.Event(metadata_updated=titled)
        turn, rest = divmod(number + 1, 10)
        if rest == 0:
            kinds = (self._reasoning, self._tool_call, self._citation, self._run_step, self._custom)
            yield from kinds[(turn - 1) % len(kinds)](turn)

    def _close_text(self) -> Iterator[event_pb2.Event]:
        if self._text is not None:
            yield parts.part_completed(self._text)
            self._text = None

    def _reasoning(self, turn: int) -> Iterator[event_pb2.Event]:
        yield from self._close_text()
        index, opening = self.parts.start_reasoning()
        yield opening
        yield parts.reasoning_delta(index, f"Thought {turn}: ")
        yield parts.reasoning_delta(index, "what comes next?")
        yield parts.part_completed(index)

    def _tool_call(self, turn: int) -> Iterator[event_pb2.Event]:
        yield from self._close_text()
        runner = content_pb2.TOOL_RUNNER_PRODUCER
        index, opening = self.parts.start_tool_call(f"call_{turn}", "look_up", runner)
        yield opening
        for fragment in ('{"turn"', f": {turn}", "}"):
            yield parts.tool_call_delta(index, fragment)
        yield parts.tool_call_updated(index, content_pb2.TOOL_CALL_STATUS_RUNNING)
        result = content_pb2.ToolResultPart(json=json.dumps({"turn": turn, "found": []}))
        yield parts.tool_call_updated(index, content_pb2.TOOL_CALL_STATUS_SUCCEEDED, [result])
        yield parts.part_completed(index)

    def _citation(self, turn: int) -> Iterator[event_pb2.Event]:
        if self._text is not None:
            citation = content_pb2.Citation(
                end_index=self._characters,
                source_id=f"source_{turn}",
                title=f"Source {turn}",
                url="https://example.com/",
            )
            added = event_pb2.CitationAdded(part_index=self._text, citation=citation)
            yield event_pb2.Event(citation_added=added)

    def _run_step(self, turn: int) -> Iterator[event_pb2.Event]:
        step_id, running = f"step_{turn}", content_pb2.RUN_STEP_STATUS_RUNNING
        step = content_pb2.RunStep(id=step_id, type="message", title=f"Step {turn}", status=running)
        yield event_pb2.Event(run_step_created=event_pb2.RunStepCreated(step=step))
        change = content_pb2.RunStep(id=step_id, detail_json=json.dumps({"turn": turn}))
        yield event_pb2.Event(run_step_updated=event_pb2.RunStepUpdated(step=change))
        succeeded = content_pb2.RUN_STEP_STATUS_SUCCEEDED
        completed = event_pb2.RunStepCompleted(step_id=step_id, status=succeeded)
        yield event_pb2.Event(run_step_completed=completed)

    def _custom(self, turn: int) -> Iterator[event_pb2.Event]:
        custom = event_pb2.CustomEvent(name="streamsvc.progress", key="progress", json=json.dumps({"turn": turn}))
        yield event_pb2.Event(custom=custom)


async def _misbehave(script: Script, number: int) -> None:
    if script.fail_after == number:
        message = f"the script fails after {number} deltas"
        raise UpstreamError("UPSTREAM_UNAVAILABLE", message, retryable=True)
    if script.hang_after == number:
        await asyncio.Event().wait()


def _script(request: job_service_pb2.StartGenerationRequest) -> Script:
    field = "parameters.extra_json"
    try:
        return Script.model_validate_json(request.parameters.extra_json or "{}")
    except ValidationError as invalid:
        first = invalid.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(place) for place in first["loc"])
        known = ", ".join(Script.model_fields)
        raise FieldInvalid.of(field, f"{key or 'it'}: {first['msg']}; known keys: {known}") from None
