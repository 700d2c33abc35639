"""Hypothesis strategies for whole histories: every kind of event, of today and of later versions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from streamsvc.v1 import content_pb2, event_pb2, job_pb2
from tests.support.values import (
    CITATIONS,
    ENTRIES,
    ERRORS,
    IDS,
    JSON,
    KINDS,
    MESSAGES,
    NOW,
    PARTS,
    QUESTIONS,
    RESULTS,
    STATUSES,
    STEPS,
    TEXTS,
    maps,
    unknown_field,
)

Event = event_pb2.Event
GROWING = ("text", "reasoning", "tool_call")


def unknown_event(number: int, payload: bytes) -> Event:
    """Return an event of a kind that this version does not know."""
    return Event.FromString(unknown_field(number, payload))


def delta(kind: str, index: int, text: str) -> Event:
    """Return the event that appends `text` to the part `index` of this kind."""
    if kind == "text":
        return Event(text_delta=event_pb2.TextDelta(part_index=index, text=text))
    if kind == "reasoning":
        return Event(reasoning_delta=event_pb2.ReasoningDelta(part_index=index, text=text))
    return Event(tool_call_delta=event_pb2.ToolCallDelta(part_index=index, arguments_json=text))


def _replaced(part: content_pb2.ContentPart, index: int) -> Event:
    part.index = index
    return Event(part_replaced=event_pb2.PartReplaced(part=part))


def completed(index: int, upstream_json: str) -> Event:
    """Return the event that completes the part `index`."""
    return Event(part_completed=event_pb2.PartCompleted(part_index=index, upstream_json=upstream_json))


def updated(index: int, status: int, results: Sequence[content_pb2.ToolResultPart]) -> Event:
    """Return the event that says how far the tool call `index` has come."""
    update = event_pb2.ToolCallUpdated(part_index=index, results=results)
    update.status = status  # type: ignore[assignment] # statuses of later versions too
    return Event(tool_call_updated=update)


def cited(index: int, citation: content_pb2.Citation) -> Event:
    """Return the event that names a source of the text part `index`."""
    return Event(citation_added=event_pb2.CitationAdded(part_index=index, citation=citation))


def part_events(index: st.SearchStrategy[int]) -> st.SearchStrategy[Event]:
    """Events about a part that may be there or not, and of their kind or not."""
    return st.one_of(
        st.builds(delta, st.sampled_from(GROWING), index, TEXTS),
        st.builds(completed, index, JSON),
        st.builds(_replaced, PARTS, index),
        st.builds(updated, index, STATUSES, RESULTS),
        st.builds(cited, index, CITATIONS),
    )


def job_events(map_entries: int) -> st.SearchStrategy[Event]:
    """Events about the job as a whole, each at home anywhere in a history."""
    done = st.builds(
        event_pb2.RunStepCompleted, step_id=IDS, status=st.sampled_from([2, 3, 4]), error=st.none() | ERRORS
    )
    return st.one_of(
        st.builds(Event, run_step_created=st.builds(event_pb2.RunStepCreated, step=STEPS)),
        st.builds(Event, run_step_updated=st.builds(event_pb2.RunStepUpdated, step=STEPS)),
        st.builds(Event, run_step_completed=done),
        st.builds(Event, usage_updated=st.builds(event_pb2.UsageUpdated, entry=ENTRIES)),
        st.builds(Event, custom=st.builds(event_pb2.CustomEvent, name=IDS, json=JSON, key=IDS)),
        st.builds(Event, metadata_updated=st.builds(event_pb2.MetadataUpdated, metadata=maps(TEXTS, map_entries))),
        st.builds(Event, error_reported=st.builds(event_pb2.ErrorReported, error=ERRORS)),
        st.builds(Event, input_requested=st.builds(event_pb2.InputRequested, input_request=QUESTIONS)),
        st.builds(unknown_event, st.sampled_from([200, 201]), st.binary(max_size=5)),
    )


class _Story:
    """What was said so far, as far as the next event depends on it."""

    def __init__(self, draw: st.DrawFn, map_entries: int) -> None:
        self.draw = draw
        self.kinds: list[str] = []
        self.attempt = 1
        self.map_entries = map_entries

    def opened(self) -> list[Event]:
        kind = self.draw(st.sampled_from([*sorted(KINDS), *GROWING]))
        part = self.draw(KINDS[kind])
        part.index = len(self.kinds)
        self.kinds.append(kind)
        return [Event(part_started=event_pb2.PartStarted(part=part))]

    def grown(self) -> list[Event]:
        places = [(index, kind) for index, kind in enumerate(self.kinds) if kind in GROWING]
        if not places:
            return self.opened()
        grown = self.draw(st.lists(st.tuples(st.sampled_from(places), TEXTS), min_size=1, max_size=4))
        return [delta(kind, index, text) for (index, kind), text in grown]

    def replaced(self) -> list[Event]:
        if not self.kinds:
            return self.opened()
        index = self.draw(st.integers(0, len(self.kinds) - 1))
        return [_replaced(self.draw(KINDS[self.kinds[index]]), index)]

    def finished(self) -> list[Event]:
        if not self.kinds:
            return self.opened()
        return [completed(self.draw(st.integers(0, len(self.kinds) - 1)), self.draw(JSON))]

    def annotated(self) -> list[Event]:
        places = [(index, kind) for index, kind in enumerate(self.kinds) if kind in ("text", "tool_call")]
        if not places:
            return self.opened()
        index, kind = self.draw(st.sampled_from(places))
        if kind == "text":
            return [cited(index, self.draw(CITATIONS))]
        return [updated(index, self.draw(STATUSES), self.draw(RESULTS))]

    def about_the_job(self) -> list[Event]:
        return [self.draw(job_events(self.map_entries))]

    def many_errors(self) -> list[Event]:
        count = self.draw(st.sampled_from([2, 60, 101]))
        errors = [job_pb2.JobError(reason="AGAIN", message=str(number)) for number in range(count)]
        return [Event(error_reported=event_pb2.ErrorReported(error=error)) for error in errors]

    def resumed(self) -> list[Event]:
        self.attempt += 1
        restarted = self.draw(st.booleans())
        if restarted:
            self.kinds.clear()
        return [
            Event(job_resumed=event_pb2.JobResumed(attempt=self.attempt, restarted=restarted, reason="HANDED_OVER"))
        ]

    def misfit(self) -> list[Event]:
        index = st.sampled_from([-1, len(self.kinds), 2**31 - 1, 0, 1])
        return [self.draw(part_events(index))]

    def begun(self) -> list[Event]:
        job = job_pb2.Job(id="0" * 32, status=job_pb2.JOB_STATUS_PENDING, owner="ada", labels={"k": "v"})
        job.retention.CopyFrom(Duration(seconds=3600))
        job.create_time.CopyFrom(Timestamp(seconds=NOW))
        created = event_pb2.JobCreated(job=job, input=self.draw(st.lists(MESSAGES, max_size=2)))
        started = Event(job_started=event_pb2.JobStarted(producer=self.draw(IDS), model=self.draw(IDS)))
        return [Event(job_created=created), *([started] if self.draw(st.booleans()) else [])]

    def ended(self) -> list[Event]:
        endings = [
            Event(job_completed=event_pb2.JobCompleted(finish_reason=job_pb2.FINISH_REASON_STOP)),
            Event(job_failed=event_pb2.JobFailed(error=job_pb2.JobError(reason="PRODUCER_LOST"))),
            Event(job_cancelled=event_pb2.JobCancelled(reason="enough")),
        ]
        ending = self.draw(st.none() | st.integers(0, 2))
        return [] if ending is None else [endings[ending]]


_CHAPTERS: Sequence[Callable[[_Story], list[Event]]] = (
    *[_Story.opened] * 3,
    *[_Story.grown] * 4,
    *[_Story.replaced] * 2,
    *[_Story.annotated] * 4,
    *[_Story.finished] * 2,
    *[_Story.about_the_job] * 9,
    _Story.resumed,
    _Story.many_errors,
)
_LIFECYCLE = ("job_created", "job_started", "job_resumed", "job_completed", "job_failed", "job_cancelled")


@st.composite
def histories(draw: st.DrawFn, *, chapters: int = 20, misfits: bool = False, map_entries: int = 3) -> list[Event]:
    """Whole histories from JobCreated on, with offsets 1, 2, 3, ... and times on some events.

    With `misfits` some events name a part that is not there, or of another kind.
    """
    story = _Story(draw, map_entries)
    events = story.begun()
    kinds = (*_CHAPTERS, *[_Story.misfit] * 8) if misfits else _CHAPTERS
    count = draw(st.integers(0, chapters))  # a list's own sizes are mostly small
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=count, max_size=count)):
        events += kind(story)
    events += story.ended()
    for offset, event in enumerate(events, 1):
        event.offset = offset
        if event.WhichOneof("payload") in _LIFECYCLE or draw(st.integers(0, 4)) == 0:
            event.create_time.CopyFrom(Timestamp(seconds=NOW + offset, nanos=offset * 1_000_000))
    return events


def without_offsets(events: Sequence[Event]) -> list[Event]:
    """Return copies of `events` as a producer makes them: not yet placed in a log."""
    copies = []
    for event in events:
        copied = Event()
        copied.CopyFrom(event)
        copied.ClearField("offset")
        copies.append(copied)
    return copies
