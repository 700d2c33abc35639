"""Jobs of which AG-UI clients are told, at least one for each thing that AG-UI says in a way of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from streamsvc.fold import Fold
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from tests.golden.fold_events import (
    created,
    custom,
    facts,
    failure,
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

Part, Result, Step = content_pb2.ContentPart, content_pb2.ToolResultPart, content_pb2.RunStep


class Case(NamedTuple):
    """What a reader gets, and what the AG-UI client had sent (nothing: it follows a job by its id)."""

    name: str
    shows: str
    items: Sequence[Event | state_pb2.JobState]
    run: dict[str, Any] | None = None


def _asked() -> Event:
    event = created()
    event.job_created.job.conversation_id = "c"
    user = event.job_created.input.add(role=content_pb2.ROLE_USER, id="m", author="ada")
    user.parts.add().text.text = "How warm is it?"
    return event


def _after(*events: Event) -> state_pb2.JobState:
    fold = Fold()
    fold.apply(_numbered(events))
    return fold.state()


def _numbered(events: Sequence[Event]) -> list[Event]:
    for offset, event in enumerate(events, 1):
        event.offset = offset
    return list(events)


def _ask() -> Event:
    asked = content_pb2.InputRequest(
        id="q",
        type="tool_approval",
        message="Send it?",
        part_index=0,
        schema_json='{"type": "object"}',
        decisions=[content_pb2.INPUT_DECISION_APPROVE, content_pb2.INPUT_DECISION_REJECT],
        expire_time=Timestamp(seconds=1_790_000_900),
    )
    return Event(input_requested=event_pb2.InputRequested(input_request=asked))


def _done(reason: job_pb2.FinishReason.ValueType = job_pb2.FINISH_REASON_STOP) -> Event:
    return Event(job_completed=event_pb2.JobCompleted(finish_reason=reason))


def _data(name: str, json: str, index: int = 0) -> content_pb2.ContentPart:
    return Part(index=index, data=content_pb2.DataPart(name=name, json=json), completed=True)


_RUN = Event(job_started=event_pb2.JobStarted())
_CANCEL = Event(job_cancelled=event_pb2.JobCancelled(reason="enough"))
_FAIL = Event(
    job_failed=event_pb2.JobFailed(error=job_pb2.JobError(reason="UPSTREAM_TIMEOUT", message="late", retryable=True))
)
_READY, _AT_WORK = content_pb2.TOOL_CALL_STATUS_READY, content_pb2.TOOL_CALL_STATUS_RUNNING
_SUCCEEDED, _FAILED = content_pb2.TOOL_CALL_STATUS_SUCCEEDED, content_pb2.TOOL_CALL_STATUS_FAILED
_IMAGE = content_pb2.FilePart(data=b"png", media_type="image/png", name="a.png")
_PAGE = content_pb2.FilePart(url="https://example.com/a.pdf", media_type="application/pdf")
_RUNS, _ENDED_WELL = content_pb2.RUN_STEP_STATUS_RUNNING, content_pb2.RUN_STEP_STATUS_SUCCEEDED
_CITED = content_pb2.Citation(title="A page", url="https://example.com", start_index=0, end_index=2)

_BEFORE: dict[str, Any] = {
    "threadId": "thread-1",
    "runId": "run-1",
    "messages": [
        {"id": "u1", "role": "user", "content": "Hello"},
        {"id": "a1", "role": "assistant", "content": "Hello!"},
        {"id": "u2", "role": "user", "content": "How warm is it?"},
    ],
}

CASES: Sequence[Case] = [
    Case(
        "text",
        "a text that grows, with a title, a custom event, an error that ends nothing, and the tokens used",
        [
            *(_asked(), _RUN, text(), delta("text", 0, "21 "), facts(title="Warmth"), delta("text", 0, "degrees")),
            *(custom("acme.progress", "", '{"done": 1}'), failure("UPSTREAM_TIMEOUT"), unknown_event(99, b"")),
            *(completed(0, ""), used("", 1, 5, web=2), _done()),
        ],
    ),
    Case(
        "reasoning_and_citations",
        "reasoning with what the upstream needs back, and a text with a source; both in a step",
        [
            *(_asked(), step_begun(Step(id="s", type="agent", agent_name="Weather", status=_RUNS))),
            started(Part(step_id="s", reasoning=content_pb2.ReasoningPart(summary=True))),
            *(
                delta("reasoning", 0, "Look it up."),
                completed(0, '{"encryptedValue": "x"}'),
                text(),
                delta("text", 1, "Hm"),
            ),
            *(cited(1, _CITED), completed(1, '{"id": "i"}'), step_changed(Step(id="s", title="Weather here"))),
            *(step_done("s", content_pb2.RUN_STEP_STATUS_FAILED, "INTERNAL"), _done(job_pb2.FINISH_REASON_LENGTH)),
        ],
    ),
    Case(
        "tools",
        "calls that grow side by side; results as text, as JSON, as files, and a failure",
        [
            *(_asked(), tool_call(), delta("tool_call", 0, '{"at":'), delta("tool_call", 0, '"Rome"}')),
            started(Part(index=1, tool_call=content_pb2.ToolCallPart(call_id="call-2", name="draw"))),
            *(updated(0, _READY, []), delta("tool_call", 1, "{}"), updated(0, _AT_WORK, [Result(text="asking")])),
            *(updated(0, _SUCCEEDED, [Result(json='{"c": 21.0}')]), completed(0, "")),
            *(updated(1, _FAILED, [Result(text="half"), Result(file=_IMAGE), Result(file=_PAGE)]), completed(1, "")),
            _done(),
        ],
    ),
    Case(
        "whole_parts",
        "parts that come whole, and call ids for the caller to answer",
        [
            *(_asked(), text("At once"), completed(0, "")),
            started(Part(index=1, text=content_pb2.TextPart(text="No.", refusal=True), completed=True)),
            started(
                Part(
                    index=2,
                    tool_call=content_pb2.ToolCallPart(
                        call_id="k",
                        name="ask",
                        arguments_json="{}",
                        runner=content_pb2.TOOL_RUNNER_CALLER,
                        status=_READY,
                    ),
                    completed=True,
                )
            ),
            _done(job_pb2.FINISH_REASON_TOOL_CALLS),
        ],
    ),
    Case(
        "files_and_data",
        "files and data are activities; replaced data is said again, as it is",
        [
            *(_asked(), started(Part(file=_IMAGE, completed=True)), started(_data("acme.chart", '{"a": 1}', 1))),
            *(replaced(_data("acme.chart", "[1, 2]", 1)), started(Part(index=2, step_id="s")), _done()),
        ],
    ),
    Case(
        "state_and_kept",
        "the state of an AG-UI agent, and what a key keeps",
        [
            *(_asked(), custom("ag_ui.state", "ag_ui.state", '{"a": 1}'), custom("acme.plan", "k", '["one"]')),
            *(custom("ag_ui.state", "ag_ui.state", '{"a": 2}'), custom("acme.plan", "k", ""), _done()),
        ],
    ),
    Case(
        "replaced",
        "a text and a call that are replaced while they grow, and one that had ended: a snapshot tells",
        [
            *(_asked(), text(), delta("text", 0, "Bad"), tool_call(), delta("tool_call", 1, "[")),
            replaced(Part(text=content_pb2.TextPart(text="Goo"))),
            *(delta("text", 0, "d"), completed(0, "")),
            replaced(Part(index=1, tool_call=content_pb2.ToolCallPart(call_id="call-9", name="other"))),
            *(delta("tool_call", 1, "{}"), updated(1, _SUCCEEDED, [Result(text="one")])),
            *(updated(1, _SUCCEEDED, [Result(text="two")]), completed(1, "")),
            *(replaced(Part(text=content_pb2.TextPart())), delta("text", 0, "Anew"), _done()),
        ],
    ),
    Case(
        "restarted",
        "a job begun anew: what stands no more is taken back, files and kept events are emptied",
        [
            *(_asked(), step_begun(Step(id="s", type="node", status=_RUNS)), reasoning("Hm"), text("Hal")),
            *(
                started(Part(index=2, file=_IMAGE, completed=True)),
                custom("acme.plan", "k", "1"),
                resumed(2, restarted=True),
            ),
            *(step_begun(Step(id="s", type="node", status=_RUNS)), text(), delta("text", 0, "Whole")),
            *(step_done("s", _ENDED_WELL), completed(0, ""), _done()),
        ],
    ),
    Case(
        "continued",
        "a job that another writer goes on with: nothing to tell of",
        [_asked(), text(), delta("text", 0, "Ha"), resumed(2, restarted=False), delta("text", 0, "lf"), _done()],
    ),
    Case(
        "late",
        "who comes late begins with a snapshot, and goes on in what is open; the conversation is the client's",
        [
            _after(
                *(
                    _asked(),
                    facts(title="Warmth"),
                    step_begun(Step(id="s", type="node", status=_RUNS)),
                    reasoning("Hm"),
                ),
                *(completed(0, ""), text("Ha"), tool_call(), updated(2, _SUCCEEDED, [Result(text="21")])),
                *(started(_data("acme.chart", "1", 3)), custom("ag_ui.state", "ag_ui.state", "[]")),
            ),
            *(delta("text", 1, "lf"), completed(1, ""), step_done("s", _ENDED_WELL), _done()),
        ],
        _BEFORE,
    ),
    Case(
        "snapshot_between",
        "a snapshot while the run is under way, as after a loss in the store: what was open goes on in it",
        [
            *(_asked(), text(), delta("text", 0, "One two"), tool_call()),
            _after(_asked(), text(), delta("text", 0, "One ")),
            *(delta("text", 0, "three"), _CANCEL),
        ],
    ),
    Case(
        "asks",
        "a job that ends since it waits for people: an interrupt names the job and its question",
        [_asked(), tool_call(), updated(0, _READY, []), _ask(), _done(job_pb2.FINISH_REASON_INPUT_REQUIRED)],
        _BEFORE,
    ),
    Case(
        "again",
        "who asks for the run again sends what it has of the answer: the snapshot says it once",
        [_after(_asked(), text("Half"), resumed(2, restarted=False)), delta("text", 0, " and half"), _done()],
        {**_BEFORE, "messages": [*_BEFORE["messages"], {"id": "j-text-0", "role": "assistant", "content": "Ha"}]},
    ),
    Case(
        "call_without_an_id",
        "a call that the model gave no id has that of its message; counts are never negative",
        [
            *(
                _asked(),
                started(Part(tool_call=content_pb2.ToolCallPart(name="nameless"))),
                delta("tool_call", 0, "{}"),
            ),
            *(updated(0, _SUCCEEDED, [Result(text="one")]), completed(0, '{"id": 1}'), used("", 1, -5), _CANCEL),
        ],
    ),
    Case("failed", "a job that fails while a text is open", [_asked(), text(), delta("text", 0, "Ha"), _FAIL]),
    Case("ended", "a job that has ended already", [_after(_asked(), text("Whole"), completed(0, ""), _done())]),
]
