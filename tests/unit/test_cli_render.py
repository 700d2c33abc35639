"""What a terminal shows of a job: from states that the fold has made."""

from __future__ import annotations

import io
import re

import pytest

from streamsvc.cli.markdown import MAX_CHARACTERS
from streamsvc.cli.render import answer, question
from streamsvc.cli.screen import Screen
from streamsvc.producers import parts
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, state_pb2
from tests.support.events import part_started, text, title
from tests.support.folding import folded, numbered

Event = event_pb2.Event
STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "COLORTERM", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def state_of(*events: Event) -> state_pb2.JobState:
    return folded(numbered(*events))


def shown(state: state_pb2.JobState, *, columns: int = 61, styles: bool = False) -> str:
    screen = Screen(Terminal(), lambda: (columns, 20))
    lines = "\n".join(screen.lines(answer(state)))
    return lines if styles else STYLE.sub("", lines)


def said(words: str) -> str:
    return shown(state_of(part_started(), text(words)))


def tool_call(*events: Event) -> state_pb2.JobState:
    opened = parts.Parts().start_tool_call("c1", "look_up", content_pb2.TOOL_RUNNER_PRODUCER)[1]
    return state_of(opened, *events)


def step(step_id: str, status: content_pb2.RunStepStatus.ValueType, **fields: str) -> Event:
    made = content_pb2.RunStep(id=step_id, status=status, **fields)  # type: ignore[arg-type]
    return Event(run_step_created=event_pb2.RunStepCreated(step=made))


def cited(name: str, url: str) -> Event:
    citation = content_pb2.Citation(title=name, url=url)
    return Event(citation_added=event_pb2.CitationAdded(citation=citation))


def test_text_is_laid_out_as_markdown() -> None:
    state = state_of(part_started(), text("some **bold"), text("** words\n\n- one\n- two"))
    assert shown(state) == "some bold words\n\n • one\n • two"
    assert "\x1b[1mbold\x1b[0m" in shown(state, styles=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Roses are red,\nviolets are blue", "Roses are red,\nviolets are blue"),
        ("press <kbd>Ctrl</kbd>, or use List<String>", "press <kbd>Ctrl</kbd>, or use List<String>"),
        ("<think>\nhidden?\n</think>", "<think>\nhidden?\n</think>"),
        ("![a chart](https://x.example/c.png)", "a chart (https://x.example/c.png)"),
        ("a [link](https://x.example/)", "a link (https://x.example/)"),
        ("half a **bold and a [li", "half a **bold and a [li"),
        ("[red]not markup[/red]", "[red]not markup[/red]"),
    ],
)
def test_no_word_of_the_answer_is_lost(words: str, expected: str) -> None:
    assert said(words) == expected


def test_what_would_command_the_terminal_is_shown_and_not_done() -> None:
    sent = said("a\x1b]0;title\x07b\x1b[2Jc\x9bd\r\n")
    assert sent == "a\ufffd]0;title\ufffdb\ufffd[2Jc\ufffdd"


def test_a_very_long_text_is_shown_as_it_is() -> None:
    words = "**word** " * (MAX_CHARACTERS // 9 + 1)
    assert said(words) == words.rstrip()


def test_reasoning_is_dim() -> None:
    index, opening = parts.Parts().start_reasoning()
    state = state_of(opening, parts.reasoning_delta(index, "what comes "), parts.reasoning_delta(index, "next?"))
    assert shown(state) == "  what comes next?"
    assert "\x1b[2;3mwhat comes next?" in shown(state, styles=True)


def test_reasoning_that_is_withheld_is_named() -> None:
    assert shown(state_of(parts.Parts().start_reasoning()[1])) == "  (reasoning that is not shown)"


def test_a_tool_call_shows_its_arguments_while_they_are_written() -> None:
    assert shown(tool_call(parts.tool_call_delta(0, '{"city": "Bri'))) == '… look_up({"city": "Bri) writing'


def test_a_tool_call_shows_how_it_ended_and_a_short_result() -> None:
    result = content_pb2.ToolResultPart(text="rain,\nthen " + "sun " * 100)
    done = parts.tool_call_updated(0, content_pb2.TOOL_CALL_STATUS_SUCCEEDED, [result])
    lines = shown(tool_call(parts.tool_call_delta(0, "{}"), done), columns=200).splitlines()
    assert lines[0] == "✓ look_up({}) succeeded"
    assert lines[1].startswith("  → rain, then sun sun")
    assert lines[1].endswith("…")
    assert len(lines[1]) < 110


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (content_pb2.TOOL_CALL_STATUS_RUNNING, "… look_up() running"),
        (content_pb2.TOOL_CALL_STATUS_FAILED, "✗ look_up() failed"),
        (content_pb2.TOOL_CALL_STATUS_DENIED, "✗ look_up() denied"),
    ],
)
def test_the_status_of_a_tool_call_is_said(status: content_pb2.ToolCallStatus.ValueType, line: str) -> None:
    assert shown(tool_call(parts.tool_call_updated(0, status))) == line


def test_each_source_stands_once_below_its_text() -> None:
    again = cited("A page", "https://a.example/")
    state = state_of(part_started(), text("so it is"), again, cited("Another", "https://b.example/"), again)
    assert shown(state).splitlines()[1:] == ["  [1] A page https://a.example/", "  [2] Another https://b.example/"]


def test_pages_of_a_document_are_counted_as_people_do() -> None:
    place = content_pb2.DocumentLocation(name="report.pdf", unit=content_pb2.DOCUMENT_UNIT_PAGE, start=2, end=4)
    added = event_pb2.CitationAdded(citation=content_pb2.Citation(document=place))
    state = state_of(part_started(), text("x"), Event(citation_added=added))
    assert shown(state).splitlines()[1] == "  [1] report.pdf page 3-4"


def test_steps_show_their_status_and_stand_inside_each_other() -> None:
    running, failed = content_pb2.RUN_STEP_STATUS_RUNNING, content_pb2.RUN_STEP_STATUS_FAILED
    error = job_pb2.JobError(reason="TOO_LATE", message="it is over")
    ended = event_pb2.RunStepCompleted(step_id="b", status=failed, error=error)
    state = state_of(
        step("a", running, title="Research"),
        step("b", running, type="tool_calls", parent_id="a"),
        Event(run_step_completed=ended),
    )
    assert shown(state) == "… Research running\n  ✗ tool_calls failed  TOO_LATE: it is over"


def test_steps_that_name_each_other_as_the_outer_one_end() -> None:
    running = content_pb2.RUN_STEP_STATUS_RUNNING
    assert "x running" in shown(state_of(step("x", running, parent_id="y"), step("y", running, parent_id="x")))


def test_a_step_stands_before_what_it_said() -> None:
    part = content_pb2.ContentPart(step_id="a", text=content_pb2.TextPart(text="found it"))
    opened = Event(part_started=event_pb2.PartStarted(part=part))
    state = state_of(step("a", content_pb2.RUN_STEP_STATUS_RUNNING, title="Research"), opened)
    assert shown(state) == "… Research running\n\nfound it"


def test_files_data_and_parts_of_the_future_keep_their_place() -> None:
    file = content_pb2.FilePart(name="a.png", media_type="image/png", url="https://x.example/a.png")
    data = content_pb2.DataPart(name="acme.chart", json='{"a": 1}')
    unknown = content_pb2.ContentPart.FromString(b"\x92\x03\x00")
    made = (content_pb2.ContentPart(file=file), content_pb2.ContentPart(data=data), unknown)
    state = state_of(*(Event(part_started=event_pb2.PartStarted(part=part)) for part in made))
    assert shown(state).split("\n\n") == [
        "[a.png] image/png https://x.example/a.png",
        'acme.chart {"a": 1}',
        "(a part of a kind that this version does not know)",
    ]


def test_a_job_that_goes_on_with_answers_shows_them_as_its_question() -> None:
    screen = Screen(Terminal(), lambda: (61, 20))
    rejected = content_pb2.InputAnswer(decision=content_pb2.INPUT_DECISION_REJECT, comment="too long")
    told = content_pb2.InputAnswer(decision=content_pb2.INPUT_DECISION_RESPOND, json='"here"')
    (line,) = screen.lines(question(state_pb2.JobState(answers=[rejected, told])))
    assert STYLE.sub("", line) == '> reject: too long; respond: "here"'


def test_errors_and_questions_are_shown() -> None:
    error = job_pb2.JobError(reason="TOOL_SLOW", message="it takes long")
    asked = content_pb2.InputRequest(id="q", type="tool_approval", message="May it run?")
    asked.decisions.extend((content_pb2.INPUT_DECISION_APPROVE, content_pb2.INPUT_DECISION_REJECT))
    state = state_of(
        Event(error_reported=event_pb2.ErrorReported(error=error)),
        Event(input_requested=event_pb2.InputRequested(input_request=asked)),
    )
    assert shown(state) == "! TOOL_SLOW: it takes long\n\n? May it run?  approve or reject"


def test_a_failed_job_says_why_and_what_to_do() -> None:
    error = job_pb2.JobError(reason="UPSTREAM_UNAVAILABLE", message="nobody there", metadata={"base_url": "http://x"})
    failed = Event(job_failed=event_pb2.JobFailed(error=error))
    lines = shown(state_of(part_started(), text("half an"), failed), columns=200).split("\n\n")
    assert lines[0] == "half an"
    assert lines[1].startswith("✗ failed: UPSTREAM_UNAVAILABLE: nobody there; start it, or correct its base_url")


def test_the_title_stands_above() -> None:
    assert shown(state_of(title("Of  the\nsky"), part_started(), text("blue"))) == "Of the sky\n\nblue"


def test_the_question_is_one_line() -> None:
    state = state_pb2.JobState()
    state.input.add(role=content_pb2.ROLE_USER).parts.add().text.text = "Why\nis the sky blue? " + "Why? " * 100
    line = Screen(Terminal(), lambda: (200, 20)).lines(question(state))
    assert len(line) == 1
    assert STYLE.sub("", line[0]).startswith("> Why is the sky blue? Why?")
