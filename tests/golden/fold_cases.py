"""The cases of the fold, at least one for each of its rules; every language folds the same files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from streamsvc.v1 import content_pb2, event_pb2, job_pb2
from tests.golden.fold_events import (
    at,
    created,
    custom,
    facts,
    failure,
    question,
    reasoning,
    replaced,
    resumed,
    started,
    step_begun,
    step_changed,
    step_done,
    text,
    tool_call,
    used,
)
from tests.support.strategies import Event, cited, completed, delta, unknown_event, updated
from tests.support.values import unknown_part

Step = content_pb2.RunStep


class Case(NamedTuple):
    """A rule, the events that show it, and (folded into the state to begin with) those before them."""

    name: str
    rule: str
    events: Sequence[Event]
    before: Sequence[Event] = ()


def _asked_and_answered() -> Event:
    event = created()
    user = event.job_created.input.add(role=content_pb2.ROLE_USER, id="m", author="ada")
    user.parts.add().text.text = "Hello?"
    event.job_created.answers.add(input_request_id="q", decision=content_pb2.INPUT_DECISION_APPROVE)
    return event


_RUN = Event(job_started=event_pb2.JobStarted())
_RUN_AS = Event(job_started=event_pb2.JobStarted(producer="openai", model="gpt"))
_STOP = Event(job_completed=event_pb2.JobCompleted(finish_reason=job_pb2.FINISH_REASON_STOP))
_FAIL = Event(job_failed=event_pb2.JobFailed(error=job_pb2.JobError(reason="UPSTREAM_TIMEOUT", retryable=True)))
_CANCEL = Event(job_cancelled=event_pb2.JobCancelled(reason="enough"))
_RESULT = content_pb2.ToolResultPart(json='{"c": 21.0}')
_PROGRESS = content_pb2.ToolResultPart(text="asking")
_RUNNING, _DONE = content_pb2.TOOL_CALL_STATUS_RUNNING, content_pb2.TOOL_CALL_STATUS_SUCCEEDED
_EVERYTHING = (
    *(text("a"), step_begun(Step(id="s")), custom("n", "k", "1"), failure("R"), question("q")),
    *(used("s", 1, 3), facts(title="T")),
)

CASES: Sequence[Case] = (
    Case("job_created", "JobCreated holds the job as it began, its input and answers.", [_asked_and_answered()]),
    Case(
        "job_started",
        "The job runs, first attempt; a producer or model that is named replaces the one asked for.",
        [created(producer="p", model="m"), at(1, _RUN_AS)],
    ),
    Case("job_started_as_asked", "What JobStarted does not name stays.", [created(producer="p", model="m"), _RUN]),
    Case(
        "text",
        "Deltas append to their part, byte for byte.",
        [
            created(),
            text("A"),
            delta("text", 0, "é漢𝔘👩\u200d👩"),
            delta("text", 0, ""),
            delta("text", 0, "\r\ne\u0301\u0000"),
        ],
    ),
    Case(
        "interleaved_parts",
        "Parts are counted from 0 as they are opened, and grow side by side.",
        [
            text(),
            reasoning("H"),
            tool_call(),
            delta("reasoning", 1, "m"),
            delta("tool_call", 2, '{"city":'),
            delta("text", 0, "Hi"),
            delta("tool_call", 2, '"Rom"}'),
            delta("reasoning", 1, "!"),
        ],
    ),
    Case(
        "part_started_index",
        "The index of a new part is the next free one, whatever the event says.",
        [started(content_pb2.ContentPart(index=7, text=content_pb2.TextPart(text="a"))), delta("text", 0, "b")],
    ),
    Case(
        "part_completed",
        "A part is completed; upstream_json is set unless it is empty.",
        [text(), text(), completed(0, '{"id": 1}'), completed(1, ""), completed(0, "")],
    ),
    Case(
        "part_replaced",
        "A part of the same kind takes the place of a part and grows on.",
        [
            text("secret"),
            delta("text", 0, "!"),
            replaced(content_pb2.ContentPart(text=content_pb2.TextPart(text="***"))),
            delta("text", 0, " x"),
        ],
    ),
    Case(
        "tool_call_updated",
        "A status that is given replaces the old one.",
        [tool_call(), updated(0, _RUNNING, [_PROGRESS]), updated(0, 0, [_RESULT])],
    ),
    Case(
        "tool_call_results",
        "Results that are given replace all old ones.",
        [tool_call(), updated(0, _RUNNING, [_PROGRESS, _PROGRESS]), updated(0, 0, [_RESULT]), updated(0, _DONE, [])],
    ),
    Case(
        "citation_added",
        "Sources of a text part, in order.",
        [text("a"), cited(0, content_pb2.Citation(url="u", end_index=1)), cited(0, content_pb2.Citation(title="t"))],
    ),
    Case(
        "run_steps",
        "A step begins when its event was made unless it says so itself; set fields replace; it ends with a time.",
        [
            at(1, step_begun(Step(id="a", title="A"))),
            step_begun(Step(id="b", title="B", detail_json="1")),
            at(2, step_changed(Step(id="b", title="C"))),
            step_changed(Step(id="none", title="C")),
            step_changed(Step(id="b", error=job_pb2.JobError(reason="R", message="replaced as a whole"))),
            step_changed(Step(id="b", error=job_pb2.JobError(reason="S"))),
            step_begun(Step(id="c", parent_id="b", create_time=Timestamp(seconds=1_780_000_000))),
            at(3, step_done("a", content_pb2.RUN_STEP_STATUS_FAILED, "R")),
            step_done("b", content_pb2.RUN_STEP_STATUS_SUCCEEDED),
            step_done("none", content_pb2.RUN_STEP_STATUS_FAILED),
        ],
    ),
    Case(
        "run_steps_of_one_id",
        "Of several steps with one id the first is meant, until a restart.",
        [
            step_begun(Step(id="a", title="first")),
            step_begun(Step(id="a", title="second")),
            step_changed(Step(id="a", detail_json="1")),
            step_done("a", content_pb2.RUN_STEP_STATUS_SUCCEEDED),
        ],
    ),
    Case(
        "usage",
        "An entry replaces that of the same step, model and attempt; the job's usage is the sum of all.",
        [used("a", 1, 10, audio=1), used("b", 1, 5), used("a", 1, 12, audio=2), used("a", 2, 1, audio=3, searches=1)],
    ),
    Case(
        "usage_at_the_limit",
        "A sum that 32 bits cannot hold stays at the limit, entry by entry.",
        [used("a", 1, 2**31 - 1, x=-(2**31)), used("b", 1, 9, x=-1), used("c", 1, -4, x=1)],
    ),
    Case(
        "metadata", "Entries are set; an empty value removes.", [facts(title="T", k="v"), facts(title="U", k="", n="")]
    ),
    Case(
        "custom",
        "The newest of each name and key is kept, in order of first arrival; empty JSON removes; no key, not kept.",
        [
            custom("a", "k", "1"),
            custom("b", "k", "2"),
            custom("a", "k", "3"),
            custom("a", "", "4"),
            custom("b", "k", ""),
            custom("c", "k", "5"),
            custom("b", "k", "6"),
            custom("none", "k", ""),
        ],
    ),
    Case("errors", "The newest 100 errors are kept.", [failure(f"R{n}") for n in range(102)]),
    Case("input_requested", "Questions are kept in order.", [text(), question("q1"), question("q2")]),
    Case(
        "job_resumed",
        "A takeover counts the attempt and keeps what was said.",
        [*_EVERYTHING, resumed(2, restarted=False)],
    ),
    Case(
        "job_restarted",
        "A restart voids parts, steps, custom events, errors and questions; usage and metadata stay.",
        [*_EVERYTHING, resumed(2, restarted=True), text("again"), delta("text", 0, "!")],
    ),
    Case(
        "job_completed",
        "The final event sets status, reason and times; the job expires one retention later.",
        [created(), _RUN, at(9, _STOP)],
    ),
    Case("job_failed", "The error is kept, and what was said.", [created(), text("a"), at(9, _FAIL)]),
    Case("job_cancelled", "What was said is kept.", [created(), text("a"), at(9, _CANCEL)]),
    Case(
        "times",
        "The update time is that of the newest event that has one.",
        [created(), at(1, text()), delta("text", 0, "a"), at(3, delta("text", 0, "b")), delta("text", 0, "c")],
    ),
    Case(
        "time_of_a_misfit",
        "An event that does not fit moves the update time too, if it has one.",
        [created(), text("a"), at(5, delta("text", 7, "x"))],
    ),
    Case(
        "time_of_an_unknown_event",
        "An event of an unknown kind moves the update time too, if it has one.",
        [created(), text("a"), at(5, unknown_event(200, b"later"))],
    ),
    Case(
        "later_versions",
        "Unknown events move the offset; unknown parts keep their place and bytes, unknown values their number.",
        [
            created(),
            unknown_event(200, b"later"),
            started(unknown_part(50, b"later")),
            delta("text", 0, "x"),
            tool_call(),
            updated(1, 99, []),
            text("a"),
            delta("text", 2, "b"),
            completed(0, ""),
            replaced(unknown_part(51, b"newer")),
        ],
    ),
    Case(
        "misfits",
        "An event that does not fit moves the offset only.",
        [
            text("a"),
            reasoning("b"),
            delta("text", 2, "x"),
            delta("text", -1, "x"),
            delta("text", 1, "x"),
            delta("tool_call", 0, "x"),
            completed(9, "{}"),
            updated(0, _DONE, [_RESULT]),
            cited(1, content_pb2.Citation()),
            replaced(content_pb2.ContentPart(index=0, data=content_pb2.DataPart())),
            replaced(unknown_part(50, b"")),
        ],
    ),
    Case(
        "from_a_state",
        "A state and the events after it give the same as all events.",
        [
            delta("text", 0, "b"),
            at(8, delta("tool_call", 1, "}")),
            used("s", 1, 4),
            text("c"),
            failure("S"),
            at(9, _STOP),
        ],
        before=[
            created(),
            text("a"),
            tool_call(),
            delta("tool_call", 1, "{"),
            used("s", 1, 3),
            used("t", 1, 1),
            failure("R"),
        ],
    ),
)
