"""Events that others publish: one that does not fit is refused, with its index, its field and the rule."""

from __future__ import annotations

import pytest

from streamsvc.errors import EventInvalid
from streamsvc.jobs.answers import MAX_ANSWERS
from streamsvc.jobs.outline import Outline
from streamsvc.producers.parts import Parts, part_completed, reasoning_delta, tool_call_delta, tool_call_updated
from streamsvc.server.spelling import blame
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from streamsvc.v1 import producer_service_pb2 as pb
from tests.support.events import Event, part_started, text, title, usage

LIMIT = 1000
RUNNING = content_pb2.TOOL_CALL_STATUS_RUNNING


def a_step(step_id: str = "s", **fields: object) -> content_pb2.RunStep:
    return content_pb2.RunStep(id=step_id, **fields)  # type: ignore[arg-type]


def step_created(step_id: str = "s", **fields: object) -> Event:
    return Event(run_step_created=event_pb2.RunStepCreated(step=a_step(step_id, **fields)))


def replaced(index: int, **kind: object) -> Event:
    part = content_pb2.ContentPart(index=index, **kind)  # type: ignore[arg-type]
    return Event(part_replaced=event_pb2.PartReplaced(part=part))


def custom(**fields: str) -> Event:
    return Event(custom=event_pb2.CustomEvent(**{"name": "acme.x", **fields}))


def cited(index: int, upstream_json: str = "") -> Event:
    citation = content_pb2.Citation(url="https://example.com", upstream_json=upstream_json)
    return Event(citation_added=event_pb2.CitationAdded(part_index=index, citation=citation))


def asked(**fields: object) -> Event:
    request = content_pb2.InputRequest(**fields)  # type: ignore[arg-type]
    return Event(input_requested=event_pb2.InputRequested(input_request=request))


def failed(reason: str) -> Event:
    return Event(job_failed=event_pb2.JobFailed(error=job_pb2.JobError(reason=reason)))


COMPLETED = Event(job_completed=event_pb2.JobCompleted())
TOOL = Parts(1).start_tool_call("c", "f", content_pb2.TOOL_RUNNER_PRODUCER)[1]
BEGUN = [part_started(), TOOL, step_created()]
"""A text, a tool call and a step: parts 0 and 1."""

FITS = {
    "all kinds of deltas": [text("a"), tool_call_delta(1, "{not json"), Parts(2).start_reasoning()[1]],
    "a reasoning delta": [Parts(2).start_reasoning()[1], reasoning_delta(2, "hm")],
    "a call goes further": [tool_call_updated(1, RUNNING), part_completed(1)],
    "parts are completed again": [part_completed(0), part_completed(0)],
    "a part that was replaced grows on": [part_completed(0), replaced(0, text=content_pb2.TextPart()), text("b")],
    "a step changes and ends": [
        Event(run_step_updated=event_pb2.RunStepUpdated(step=a_step(detail_json="[]"))),
        Event(run_step_completed=event_pb2.RunStepCompleted(step_id="s")),
    ],
    "custom events": [custom(json='{"a": [1.5, "ä"]}', key="k"), custom(json="", key="k")],
    "a citation": [cited(0, upstream_json="{}")],
    "a question": [asked(id="q", part_index=1, schema_json="{}")],
    "the rest, and the end": [usage(3), title("t"), Event(error_reported=event_pb2.ErrorReported()), COMPLETED],
}

MISFITS = {
    "no payload": ([Event()], "events[0]", "no payload"),
    "an offset": ([text("a"), Event(offset=3, text_delta=event_pb2.TextDelta())], "events[1].offset", "by the service"),
    "a lifecycle event": (
        [Event(job_started=event_pb2.JobStarted())],
        "events[0].job_started",
        "by the service alone",
    ),
    "a final event in the middle": ([COMPLETED, text("a")], "events[0].job_completed", "nothing may follow"),
    "a failure without a cause": ([failed("")], "events[0].job_failed.error.reason", "empty"),
    "a part that was not opened": ([text("a"), text("b", 2)], "events[1].text_delta.part_index", "no such part"),
    "a negative part": ([text("b", -1)], "events[0].text_delta.part_index", "no such part"),
    "a part of another kind": ([text("b", 1)], "events[0].text_delta.part_index", "kind tool_call, not text"),
    "arguments of a text": ([tool_call_delta(0, "{}")], "events[0].tool_call_delta.part_index", "not tool_call"),
    "more of a complete part": ([part_completed(0), text("a")], "events[1].text_delta.part_index", "complete"),
    "a result without a call": (
        [tool_call_updated(0, RUNNING)],
        "events[0].tool_call_updated.part_index",
        "not tool_call",
    ),
    "the wrong place": ([part_started(5)], "events[0].part_started.part.index", "next free one is 2"),
    "a part of no kind": (
        [Event(part_started=event_pb2.PartStarted(part=content_pb2.ContentPart(index=2)))],
        "events[0].part_started.part",
        "no kind",
    ),
    "another kind in its place": (
        [replaced(0, reasoning=content_pb2.ReasoningPart())],
        "events[0].part_replaced.part",
        "part 0 is of the kind text",
    ),
    "a part to complete that is not there": ([part_completed(7)], "events[0].part_completed.part_index", "no such"),
    "a citation of a call": ([cited(1)], "events[0].citation_added.part_index", "not text"),
    "a step twice": ([step_created()], "events[0].run_step_created.step.id", "earlier step"),
    "a step without an id": ([step_created("")], "events[0].run_step_created.step.id", "empty"),
    "a step that was not created": (
        [Event(run_step_completed=event_pb2.RunStepCompleted(step_id="x"))],
        "events[0].run_step_completed.step_id",
        "no step",
    ),
    "a custom event without a name": ([custom(name="")], "events[0].custom.name", "empty"),
    "no JSON": ([custom(json="{")], "events[0].custom.json", "not JSON"),
    "JSON that nobody else reads": ([custom(json="[NaN]")], "events[0].custom.json", "not JSON"),
    "JSON without an end": ([custom(json="[" * 400)], "events[0].custom.json", "not JSON"),
    "no JSON deep inside": (
        [tool_call_updated(1, RUNNING, [content_pb2.ToolResultPart(text="a"), content_pb2.ToolResultPart(json="b")])],
        "events[0].tool_call_updated.results[1].json",
        "not JSON",
    ),
    "no JSON in a step": ([step_created("t", detail_json="x")], "events[0].run_step_created.step.detail_json", "JSON"),
    "an event over the limit": ([text("a"), text("x" * LIMIT)], "events[1]", "max_event_bytes=1000"),
    "a question without an id": ([asked()], "events[0].input_requested.input_request.id", "empty"),
    "a question whose id is too long": ([asked(id="q" * 129)], "events[0].input_requested.input_request.id", "128"),
    "a question that was asked": (
        [asked(id="q"), asked(id="q")],
        "events[1].input_requested.input_request.id",
        "earlier question",
    ),
    "one question too many": (
        [asked(id=str(number)) for number in range(MAX_ANSWERS + 1)],
        f"events[{MAX_ANSWERS}].input_requested.input_request",
        str(MAX_ANSWERS),
    ),
    "a question on nothing": (
        [asked(id="q", part_index=3)],
        "events[0].input_requested.input_request.part_index",
        "no such part",
    ),
}


def begun() -> Outline:
    outline = Outline(state_pb2.JobState())
    outline.check(BEGUN, LIMIT)
    return outline


@pytest.mark.parametrize("events", FITS.values(), ids=FITS)
def test_what_fits_passes(events: list[Event]) -> None:
    begun().check(events, LIMIT)


@pytest.mark.parametrize(("events", "field", "rule"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_is_refused_by_index_and_field(events: list[Event], field: str, rule: str) -> None:
    with pytest.raises(EventInvalid) as raised:
        begun().check(events, LIMIT)
    (violation,) = raised.value.violations
    assert violation.field == field
    assert rule in violation.description
    assert raised.value.metadata["index"] == field.removeprefix("events[").partition("]")[0]


def test_a_log_that_is_there_is_known_from_its_state() -> None:
    state = state_pb2.JobState(steps=[a_step()])
    state.parts.add(text=content_pb2.TextPart(), completed=True)
    state.parts.add(reasoning=content_pb2.ReasoningPart())
    outline = Outline(state)
    outline.check([reasoning_delta(1, "a"), part_started(2), text("b", 2)], LIMIT)
    for event in (text("c"), step_created()):
        with pytest.raises(EventInvalid):
            Outline(state).check([event], LIMIT)


def test_a_text_that_is_not_utf8_is_found() -> None:
    events = [text("ok"), custom(json="[]", key="bad")]
    data = pb.PublishEventsRequest(job_id="j", events=events, epoch="e").SerializeToString()
    assert blame(data, pb.PublishEventsRequest.DESCRIPTOR) == ""
    broken = data.replace(b"bad", b"b\xffd")
    assert blame(broken, pb.PublishEventsRequest.DESCRIPTOR) == "events[1].custom.key"
    assert blame(data.replace(b"ok", b"\xc3("), pb.PublishEventsRequest.DESCRIPTOR) == "events[0].text_delta.text"
    assert blame(data[:-1], pb.PublishEventsRequest.DESCRIPTOR) == ""
