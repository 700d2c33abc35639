"""The fold: one law, over every kind of event, wherever a history is cut."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamsvc.fold import MAX_ERRORS, Fold, growing_text
from streamsvc.slices import slices
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from tests.support.folding import canonical, folded, joined, numbered
from tests.support.strategies import Event, completed, delta, histories, unknown_event, updated
from tests.support.values import unknown_part

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
HISTORIES = histories() | histories(misfits=True)


def _started(part: content_pb2.ContentPart) -> Event:
    return Event(part_started=event_pb2.PartStarted(part=part))


def _text(text: str = "") -> Event:
    return _started(content_pb2.ContentPart(text=content_pb2.TextPart(text=text)))


def _used(step: str, attempt: int, **counts: int) -> Event:
    entry = content_pb2.UsageEntry(step_id=step, attempt=attempt)
    for name, count in counts.items():
        setattr(entry.usage, name, count)
    return Event(usage_updated=event_pb2.UsageUpdated(entry=entry))


@given(HISTORIES)
def test_folding_on_from_any_state_gives_the_same_as_folding_all(events: list[Event]) -> None:
    whole = folded(events)
    for place in range(len(events) + 1):
        before = folded(events[:place])
        assert canonical(folded(events[place:], before)) == canonical(whole)


@given(HISTORIES, st.data())
def test_a_state_that_was_sent_in_slices_is_as_good_as_one_that_was_not(
    events: list[Event], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(events)))
    size = data.draw(st.integers(1, 200))
    sent = [piece.SerializeToString() for piece in slices(folded(events[:place]), size)]
    received = joined(state_pb2.JobState.FromString(piece) for piece in sent)
    assert canonical(folded(events[place:], received)) == canonical(folded(events))


@given(HISTORIES)
def test_applying_events_one_by_one_or_at_once_is_the_same(events: list[Event]) -> None:
    fold = Fold()
    for event in events:
        fold.apply([event])
        assert fold.offset == event.offset
        fold.state()
    assert canonical(fold.state()) == canonical(folded(events))


@given(HISTORIES, st.data())
def test_a_state_is_a_message_of_its_own(events: list[Event], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(events)))
    given_state = folded(events[:place])
    before = canonical(given_state)
    fold = Fold(given_state)
    asked = fold.state()
    fold.apply(events[place:])
    assert canonical(asked) == canonical(given_state) == before
    result = fold.state()
    result.Clear()
    asked.Clear()
    given_state.Clear()
    assert canonical(fold.state()) == canonical(folded(events))


@given(HISTORIES)
def test_folding_does_not_change_the_events(events: list[Event]) -> None:
    before = [event.SerializeToString(deterministic=True) for event in events]
    folded(events).Clear()
    assert [event.SerializeToString(deterministic=True) for event in events] == before


@given(HISTORIES)
def test_what_grows_is_what_was_said(events: list[Event]) -> None:
    said = [growing_text(part) for part in folded(events).parts]
    assert said == [text for _, text in _said(events)]


def _said(events: list[Event]) -> list[tuple[str | None, str]]:
    """Return (kind, text) of each part, by the simplest means."""
    parts: list[tuple[str | None, str]] = []
    fields = {"text_delta": "text", "reasoning_delta": "reasoning", "tool_call_delta": "tool_call"}
    for event in events:
        name = event.WhichOneof("payload") or ""
        if name == "part_started":
            part = event.part_started.part
            parts.append((part.WhichOneof("kind"), growing_text(part)))
        elif name == "part_replaced":
            part = event.part_replaced.part
            if 0 <= part.index < len(parts) and parts[part.index][0] == part.WhichOneof("kind"):
                parts[part.index] = (part.WhichOneof("kind"), growing_text(part))
        elif name == "job_resumed" and event.job_resumed.restarted:
            parts.clear()
        elif name in fields:
            body = getattr(event, name)
            text = body.arguments_json if name == "tool_call_delta" else body.text
            if 0 <= body.part_index < len(parts) and parts[body.part_index][0] == fields[name]:
                parts[body.part_index] = (fields[name], parts[body.part_index][1] + text)
    return parts


@given(HISTORIES)
def test_parts_are_counted_from_0_without_gaps(events: list[Event]) -> None:
    assert [part.index for part in folded(events).parts] == list(range(len(folded(events).parts)))


@given(HISTORIES)
def test_usage_is_the_sum_of_its_entries_as_far_as_32_bits_go(events: list[Event]) -> None:
    state = folded(events)
    keys = [(entry.step_id, entry.model, entry.attempt) for entry in state.usage_entries]
    assert len(set(keys)) == len(keys)
    total = 0
    for entry in state.usage_entries:
        total = max(INT32_MIN, min(total + entry.usage.input_tokens, INT32_MAX))
    assert state.usage.input_tokens == total


@given(HISTORIES)
def test_the_offset_and_the_time_are_those_of_the_newest_event(events: list[Event]) -> None:
    state = folded(events)
    assert state.offset == state.job.last_offset == len(events)
    times = [event.create_time for event in events if event.HasField("create_time")]
    assert state.job.update_time == times[-1]


@given(histories(), st.binary(max_size=8))
def test_an_unknown_kind_of_event_moves_the_offset_only(events: list[Event], payload: bytes) -> None:
    expected = folded(events)
    (later,) = numbered(unknown_event(200, payload), after=len(events))
    expected.offset = expected.job.last_offset = later.offset
    assert canonical(folded([*events, later])) == canonical(expected)


MISFITS = {
    "a delta for a part that is not there": delta("text", 3, "x"),
    "a delta for a part before the first": delta("text", -1, "x"),
    "text for reasoning": delta("text", 1, "x"),
    "reasoning for text": delta("reasoning", 0, "x"),
    "arguments for text": delta("tool_call", 0, "x"),
    "text for a part of a later version": delta("text", 2, "x"),
    "the end of a part that is not there": completed(3, "{}"),
    "a tool's status for text": updated(0, content_pb2.TOOL_CALL_STATUS_RUNNING, []),
    "a citation for reasoning": Event(
        citation_added=event_pb2.CitationAdded(part_index=1, citation=content_pb2.Citation(url="u"))
    ),
    "a part of another kind in the place of a part": Event(
        part_replaced=event_pb2.PartReplaced(
            part=content_pb2.ContentPart(index=0, reasoning=content_pb2.ReasoningPart(text="x"))
        )
    ),
    "a change of a step that never began": Event(
        run_step_updated=event_pb2.RunStepUpdated(step=content_pb2.RunStep(id="s", title="x"))
    ),
    "the end of a step that never began": Event(
        run_step_completed=event_pb2.RunStepCompleted(step_id="s", status=content_pb2.RUN_STEP_STATUS_FAILED)
    ),
}


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS)
def test_an_event_that_does_not_fit_moves_the_offset_only(misfit: Event) -> None:
    reasoning = content_pb2.ContentPart(reasoning=content_pb2.ReasoningPart(text="b"))
    events = numbered(_text("a"), _started(reasoning), _started(unknown_part(50, b"c")))
    expected = folded(events)
    expected.offset = expected.job.last_offset = 4
    assert canonical(folded([*events, *numbered(misfit, after=3)])) == canonical(expected)


def test_a_part_of_a_later_version_keeps_its_place_and_its_bytes() -> None:
    later = unknown_part(50, b"\x00payload")
    events = numbered(_text("a"), _started(later), _text("b"), delta("text", 2, "c"))
    state = folded(events)
    assert [growing_text(part) for part in state.parts] == ["a", "", "bc"]
    later.index = 1
    assert state.parts[1].SerializeToString() == later.SerializeToString()


def test_of_many_errors_the_newest_stay() -> None:
    errors = [job_pb2.JobError(message=str(number)) for number in range(MAX_ERRORS + 50)]
    state = folded(numbered(*(Event(error_reported=event_pb2.ErrorReported(error=error)) for error in errors)))
    assert list(state.errors) == errors[50:]


def test_a_restart_voids_what_was_said_and_keeps_what_was_paid() -> None:
    said = [
        _text("a"),
        Event(run_step_created=event_pb2.RunStepCreated(step=content_pb2.RunStep(id="s"))),
        Event(custom=event_pb2.CustomEvent(name="n", key="k", json="1")),
        Event(error_reported=event_pb2.ErrorReported(error=job_pb2.JobError(reason="R"))),
        Event(input_requested=event_pb2.InputRequested(input_request=content_pb2.InputRequest(id="q"))),
        _used("s", 1, input_tokens=3),
        Event(metadata_updated=event_pb2.MetadataUpdated(metadata={"title": "T"})),
    ]
    resumed = Event(job_resumed=event_pb2.JobResumed(attempt=2, restarted=True))
    state = folded(numbered(*said, resumed, _text("again"), _used("s", 2, input_tokens=4)))
    assert [growing_text(part) for part in state.parts] == ["again"]
    assert [*state.steps, *state.custom, *state.errors, *state.input_requests] == []
    assert state.usage.input_tokens == 7
    assert state.job.metadata == {"title": "T"}
    assert state.job.attempt == 2


@pytest.mark.parametrize(
    ("counts", "total"),
    [
        ((1, 2), 3),
        ((INT32_MAX, 1), INT32_MAX),
        ((INT32_MIN, INT32_MIN), INT32_MIN),
        ((INT32_MAX, 1, -1), INT32_MAX - 1),
    ],
)
def test_a_sum_that_32_bits_cannot_hold_stays_at_the_limit(counts: tuple[int, ...], total: int) -> None:
    used = [_used(f"s{place}", 1, output_tokens=count) for place, count in enumerate(counts)]
    for event, count in zip(used, counts, strict=True):
        event.usage_updated.entry.usage.details["audio"] = count
    state = folded(numbered(*used))
    assert state.usage.output_tokens == state.usage.details["audio"] == total


# Protobuf's own memory is not Python's: only the process as a whole shows what appending to a message would cost, and
# a process of its own can be kept from taking all there is.
_MEASURED = """
import resource, tracemalloc
from streamsvc.fold import Fold
from streamsvc.v1 import event_pb2

def kib(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))

def deltas():
    yield event_pb2.Event(offset=1, part_started=event_pb2.PartStarted(part={"text": {}}))
    for offset in range(2, 100_002):
        yield event_pb2.Event(offset=offset, text_delta=event_pb2.TextDelta(text="about twenty bytes. "))

def length():
    fold = Fold()
    fold.apply(deltas())
    return len(fold.state().parts[0].text.text)

limit = kib("VmSize") * 1024 + 300_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = kib("VmRSS")
assert length() == 2_000_000
print((kib("VmHWM") - before) * 1024)
tracemalloc.start()
length()
print(tracemalloc.get_traced_memory()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_100_000_deltas_cost_little_more_than_their_text() -> None:
    done = subprocess.run([sys.executable, "-c", _MEASURED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    of_process, of_python = map(int, done.stdout.split())
    assert of_process < 40_000_000
    assert of_python < 40_000_000
