"""A long answer of all kinds of events in an order that only chance knows, for whoever cuts it anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from streamsvc.v1 import content_pb2, event_pb2, job_pb2
from tests.golden.fold_events import Event, at, created, resumed

SEED = 5000
EVENTS = 5000
RESTARTS_AFTER = 250
"""The offset after which it is begun anew: nothing that was said up to there is in later states."""
_GOES_ON_AFTER = 3000
_EVENTS_A_TIME = 100
"""One of so many has a time, as the first one of an append has."""


class Story:
    """Events of all kinds that others may publish, in an order that only chance knows, each of which fits."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._parts: list[str] = []
        self._open: dict[str, list[int]] = {"text": [], "reasoning": [], "tool_call": [], "file": [], "data": []}
        self._steps: list[str] = []
        self._number = 0

    def next(self) -> Event:
        """Return the next event."""
        self._number += 1
        ways = [self._start, self._delta, self._delta, self._delta, self._delta, self._change, self._step, self._fact]
        return self._random.choice(ways)()

    def _start(self) -> Event:
        kind = self._random.choice([*self._open])
        part = content_pb2.ContentPart(index=len(self._parts))
        if kind == "tool_call":
            part.tool_call.call_id, part.tool_call.name = f"c{self._number}", "f"
        elif kind == "file":
            part.file.url, part.file.media_type = "https://example.com/a.png", "image/png"
        elif kind == "data":
            part.data.name, part.data.json = "acme.chart", f"[{self._number}]"
        else:
            getattr(part, kind).SetInParent()
        self._open[kind].append(len(self._parts))
        self._parts.append(kind)
        return Event(part_started=event_pb2.PartStarted(part=part))

    def _delta(self) -> Event:
        kind = self._random.choice(["text", "reasoning", "tool_call"])
        if not self._open[kind]:
            return self._start()
        index, words = self._random.choice(self._open[kind]), f"{self._number} äß🎈 "
        if kind == "text":
            return Event(text_delta=event_pb2.TextDelta(part_index=index, text=words))
        if kind == "reasoning":
            return Event(reasoning_delta=event_pb2.ReasoningDelta(part_index=index, text=words))
        return Event(tool_call_delta=event_pb2.ToolCallDelta(part_index=index, arguments_json=words))

    def _change(self) -> Event:
        """Complete a part, replace one, cite in one, or take a call further."""
        kinds_open = [kind for kind, indexes in self._open.items() if indexes]
        if not kinds_open:
            return self._start()
        kind = self._random.choice(kinds_open)
        index = self._random.choice(self._open[kind])
        way = self._random.randrange(3)
        if way == 0 and len(self._open[kind]) > 2:
            self._open[kind].remove(index)
            return Event(part_completed=event_pb2.PartCompleted(part_index=index, upstream_json='{"a": 1}'))
        if kind == "text" and way == 1:
            citation = content_pb2.Citation(title=f"{self._number}", url="https://example.com")
            return Event(citation_added=event_pb2.CitationAdded(part_index=index, citation=citation))
        if kind == "tool_call":
            status = self._random.choice(content_pb2.ToolCallStatus.values()[1:])
            results = [content_pb2.ToolResultPart(json=f"[{self._number}]")]
            return Event(tool_call_updated=event_pb2.ToolCallUpdated(part_index=index, status=status, results=results))
        part = content_pb2.ContentPart(index=index)
        getattr(part, kind).SetInParent()
        return Event(part_replaced=event_pb2.PartReplaced(part=part))

    def _step(self) -> Event:
        if not self._steps or self._random.random() < 0.3:
            self._steps.append(f"s{self._number}")
            step = content_pb2.RunStep(id=self._steps[-1], type="message", detail_json="{}")
            return Event(run_step_created=event_pb2.RunStepCreated(step=step))
        step_id = self._random.choice(self._steps)
        if self._random.random() < 0.5:
            step = content_pb2.RunStep(id=step_id, title=f"{self._number}")
            return Event(run_step_updated=event_pb2.RunStepUpdated(step=step))
        status = content_pb2.RUN_STEP_STATUS_SUCCEEDED
        return Event(run_step_completed=event_pb2.RunStepCompleted(step_id=step_id, status=status))

    def _fact(self) -> Event:
        number = self._number
        entry = content_pb2.UsageEntry(model=f"m{number % 3}", usage=content_pb2.Usage(output_tokens=number))
        custom = event_pb2.CustomEvent(
            name="acme.x", json=self._random.choice(["", f"[{number}]"]), key=f"k{number % 5}"
        )
        question = content_pb2.InputRequest(id=f"q{number}", schema_json="{}")
        return self._random.choice(
            [
                Event(usage_updated=event_pb2.UsageUpdated(entry=entry)),
                Event(metadata_updated=event_pb2.MetadataUpdated(metadata={f"k{number % 7}": f"{number % 2 or ''}"})),
                Event(error_reported=event_pb2.ErrorReported(error=job_pb2.JobError(reason=f"E{number}"))),
                Event(input_requested=event_pb2.InputRequested(input_request=question)),
                Event(custom=custom),
            ]
        )


def told() -> Sequence[Event]:
    """Return all events of a job of `EVENTS` events, from JobCreated to JobCompleted, without offsets.

    It is begun anew once, and once it only changes hands.
    """
    random = Random(SEED)
    story = Story(random)
    events = [created(), Event(job_started=event_pb2.JobStarted(producer="agent", model="m"))]
    while len(events) < EVENTS - 1:
        if len(events) == RESTARTS_AFTER:
            story = Story(random)
            events.append(resumed(2, restarted=True))
        elif len(events) == _GOES_ON_AFTER:
            events.append(resumed(3, restarted=False))
        else:
            event = story.next()
            events.append(at(len(events), event) if len(events) % _EVENTS_A_TIME == 0 else event)
    return [*events, Event(job_completed=event_pb2.JobCompleted(finish_reason=job_pb2.FINISH_REASON_STOP))]
