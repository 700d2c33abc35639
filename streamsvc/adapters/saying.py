"""What a framework tells of its run, as events: its own names for messages, calls and steps become parts and steps."""

from __future__ import annotations

from collections.abc import Container, Sequence

from streamsvc.adapters.earlier import Earlier
from streamsvc.fold import set_growing_text
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2

RUNNING = content_pb2.RUN_STEP_STATUS_RUNNING
SUCCEEDED = content_pb2.RUN_STEP_STATUS_SUCCEEDED
CANCELLED = content_pb2.RUN_STEP_STATUS_CANCELLED

_ENDED = (
    content_pb2.TOOL_CALL_STATUS_SUCCEEDED,
    content_pb2.TOOL_CALL_STATUS_FAILED,
    content_pb2.TOOL_CALL_STATUS_DENIED,
)


class Saying:
    """Collects the events of one answer; `take` gives them. A `key` names a part in the framework's own words.

    Parts may grow side by side. One closes with `close`, with the end of its step, or with the answer; a call closes
    when it has ended, which may be in a later step.

    `so_far` is what an earlier attempt said. What was whole then stays: the parts of steps that had ended, and complete
    ones outside of steps. A framework that knows which steps it will not run again names them in `kept`; nothing else
    stays then. The rest is said anew, each part in the place of one of its kind. What nothing takes the place of is
    emptied at the end. Calls and steps keep their ids.
    """

    def __init__(self, so_far: state_pb2.JobState | None = None, kept: Container[str] | None = None) -> None:
        so_far = so_far or state_pb2.JobState()
        self._events: list[event_pb2.Event] = []
        self._earlier = Earlier(so_far, kept)
        self._steps = {step.id for step in so_far.steps}
        self._running: set[str] = set()
        self._asked = {request.id for request in so_far.input_requests}
        self._next = len(so_far.parts)
        self._open: dict[str, content_pb2.ContentPart] = {}
        calls = [part for part in self._earlier.stay() if part.HasField("tool_call")]
        self.calls = {part.tool_call.call_id for part in calls}
        """Ids of the calls that are told of, those of earlier attempts included."""
        self._open.update((_call(part.tool_call.call_id), part) for part in calls if not part.completed)

    def take(self) -> list[event_pb2.Event]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events

    def text(self, key: str, text: str, step: str = "", *, refusal: bool = False) -> None:
        """Append text, to a part of its own for each key."""
        if text:
            part = self._part(key, content_pb2.ContentPart(step_id=step, text=content_pb2.TextPart(refusal=refusal)))
            if new := self._new(part, text):
                self._say(text_delta=event_pb2.TextDelta(part_index=part.index, text=new))

    def cite(self, key: str, citation: content_pb2.Citation) -> None:
        """Name a source of a text that is open."""
        if part := self._open.get(key):
            part.text.citations.append(citation)
            self._say(citation_added=event_pb2.CitationAdded(part_index=part.index, citation=citation))

    def reasoning(self, key: str, text: str, step: str = "", *, summary: bool = False) -> None:
        """Append reasoning, to a part of its own for each key."""
        if text:
            reasoning = content_pb2.ReasoningPart(summary=summary)
            part = self._part(key, content_pb2.ContentPart(step_id=step, reasoning=reasoning))
            if new := self._new(part, text):
                self._say(reasoning_delta=event_pb2.ReasoningDelta(part_index=part.index, text=new))

    def call(
        self,
        call_id: str,
        name: str,
        step: str = "",
        runner: content_pb2.ToolRunner.ValueType = content_pb2.TOOL_RUNNER_PRODUCER,
    ) -> None:
        """Begin the call of a tool, unless it has begun."""
        if call_id not in self.calls:
            self.calls.add(call_id)
            writing = content_pb2.TOOL_CALL_STATUS_WRITING
            call = content_pb2.ToolCallPart(call_id=call_id, name=name, status=writing, runner=runner)
            self._part(_call(call_id), content_pb2.ContentPart(step_id=step, tool_call=call))

    def argue(self, call_id: str, arguments_json: str) -> None:
        """Append to the JSON text of a call's arguments."""
        if arguments_json and (part := self._open.get(_call(call_id))):
            part.tool_call.arguments_json += arguments_json
            delta = event_pb2.ToolCallDelta(part_index=part.index, arguments_json=arguments_json)
            self._say(tool_call_delta=delta)

    def update(
        self,
        call_id: str,
        status: content_pb2.ToolCallStatus.ValueType,
        *results: content_pb2.ToolResultPart,
    ) -> None:
        """Say how far a call has come, and what it gave. The same status without results is not said again."""
        part = self._open.get(_call(call_id))
        if part is not None and (results or part.tool_call.status != status):
            part.tool_call.status = status
            updated = event_pb2.ToolCallUpdated(part_index=part.index, status=status, results=results)
            self._say(tool_call_updated=updated)
            if status in _ENDED:
                self.close(_call(call_id))

    def arguments_of(self, call_id: str) -> str:
        """Return the arguments of a call that is open, as far as they are written."""
        part = self._open.get(_call(call_id))
        return part.tool_call.arguments_json if part is not None else ""

    def index_of(self, call_id: str) -> int | None:
        """Return the part of a call that is open."""
        part = self._open.get(_call(call_id))
        return part.index if part is not None else None

    def file(self, file: content_pb2.FilePart, step: str = "") -> None:
        """Show a file."""
        self._start(content_pb2.ContentPart(step_id=step, file=file, completed=True))

    def data(self, name: str, json: str, step: str = "") -> None:
        """Show something that only the producer and its readers understand."""
        data = content_pb2.DataPart(name=name, json=json)
        self._start(content_pb2.ContentPart(step_id=step, data=data, completed=True))

    def close(self, key: str) -> None:
        """Say that nothing more is added to a part. Nothing happens if it is not open."""
        if part := self._open.pop(key, None):
            self._set_back(part, self._earlier.short(part.index))
            self._say(part_completed=event_pb2.PartCompleted(part_index=part.index))

    def step(self, step_id: str, kind: str, title: str = "", parent: str = "", agent: str = "") -> None:
        """Begin a step, or begin one of an earlier attempt again. `agent` is the name of who is at work."""
        if step_id in self._steps - self._earlier.steps:
            return
        step = content_pb2.RunStep(
            id=step_id, type=kind, title=title, parent_id=parent, agent_name=agent, status=RUNNING
        )
        if step_id in self._steps:
            self._say(run_step_updated=event_pb2.RunStepUpdated(step=step))
        else:
            self._say(run_step_created=event_pb2.RunStepCreated(step=step))
        self._steps.add(step_id)
        self._earlier.steps.discard(step_id)
        self._running.add(step_id)

    def step_ended(
        self,
        step_id: str,
        status: content_pb2.RunStepStatus.ValueType = SUCCEEDED,
        error: job_pb2.JobError | None = None,
    ) -> None:
        """End a step, and close its parts. Nothing happens if it is not running."""
        if step_id in self._running:
            for key in [key for key, part in self._open.items() if part.step_id == step_id]:
                if not self._open[key].HasField("tool_call"):
                    self.close(key)
            self._running.discard(step_id)
            self._say(run_step_completed=event_pb2.RunStepCompleted(step_id=step_id, status=status, error=error))

    def usage(self, usage: content_pb2.Usage, model: str = "", step: str = "") -> None:
        """Say how many tokens a step has used of a model. A later count replaces an earlier one."""
        entry = content_pb2.UsageEntry(step_id=step, model=model, usage=usage)
        self._say(usage_updated=event_pb2.UsageUpdated(entry=entry))

    def custom(self, name: str, json: str, key: str = "") -> None:
        """Say what the service has no kind for. With a `key` the newest is kept."""
        self._say(custom=event_pb2.CustomEvent(name=name, json=json, key=key))

    def ask(self, request: content_pb2.InputRequest) -> None:
        """Ask people, unless this was asked. End with FINISH_REASON_INPUT_REQUIRED after the last question."""
        if request.id not in self._asked:
            self._asked.add(request.id)
            self._say(input_requested=event_pb2.InputRequested(input_request=request))

    def end(self, reason: job_pb2.FinishReason.ValueType = job_pb2.FINISH_REASON_STOP) -> list[event_pb2.Event]:
        """Return what is left to say, the end of the job last."""
        for step_id in sorted(self._running):
            self.step_ended(step_id)
        for key in list(self._open):
            self.close(key)
        for part in self._earlier.emptied():
            self._say(part_replaced=event_pb2.PartReplaced(part=part))
        for step_id in sorted(self._earlier.steps):
            self._say(run_step_completed=event_pb2.RunStepCompleted(step_id=step_id, status=CANCELLED))
        self._say(job_completed=event_pb2.JobCompleted(finish_reason=reason))
        return self.take()

    def _part(self, key: str, part: content_pb2.ContentPart) -> content_pb2.ContentPart:
        if key not in self._open:
            self._start(part)
            self._open[key] = part
        return self._open[key]

    def _start(self, part: content_pb2.ContentPart) -> None:
        place, may_stay = self._earlier.place(part)
        said = content_pb2.ContentPart()
        if place is None:
            part.index, self._next = self._next, self._next + 1
            said.CopyFrom(part)
            self._say(part_started=event_pb2.PartStarted(part=said))
        else:
            part.index = place
            if not may_stay:
                said.CopyFrom(part)
                self._say(part_replaced=event_pb2.PartReplaced(part=said))

    def _new(self, part: content_pb2.ContentPart, text: str) -> str:
        """Return what of a text its part does not have from an earlier attempt."""
        back, new = self._earlier.beyond(part.index, text)
        self._set_back(part, back)
        return new

    def _set_back(self, part: content_pb2.ContentPart, text: str | None) -> None:
        if text is not None:
            said = content_pb2.ContentPart()
            said.CopyFrom(part)
            set_growing_text(said, text)
            self._say(part_replaced=event_pb2.PartReplaced(part=said))

    def _say(self, **payload: object) -> None:
        self._events.append(event_pb2.Event(**payload))  # type: ignore[arg-type]


def results_of(*texts: str) -> Sequence[content_pb2.ToolResultPart]:
    """Return results that are text."""
    return [content_pb2.ToolResultPart(text=text) for text in texts]


def _call(call_id: str) -> str:
    return f"call {call_id}"
