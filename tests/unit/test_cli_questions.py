"""What a job asks people, as the command line shows it, and what it makes of their words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamsvc.cli.errors import Mistake
from streamsvc.cli.interview import interview
from streamsvc.cli.questions import Given, answers_of, described, open_questions, ways
from streamsvc.v1 import content_pb2, state_pb2
from tests.support.people import APPROVE, EDIT, REJECT, RESPOND, answer

Question = content_pb2.InputRequest


def state_of(*questions: Question) -> state_pb2.JobState:
    """Return a job that asked these, with a tool call as its only part."""
    state = state_pb2.JobState(input_requests=questions)
    call = state.parts.add().tool_call
    call.name, call.arguments_json = "send_letter", '{"to": "Ada"}'
    return state


APPROVAL = Question(id="a", message="May it be sent?", part_index=0, decisions=[APPROVE, REJECT, EDIT])
WORDS = Question(id="w", message="Which garden?", decisions=[RESPOND, REJECT], schema_json='{"type": "string"}')
NUMBER = Question(id="n", message="How many?", decisions=[RESPOND], schema_json='{"type": "integer"}')
ANYTHING = Question(id="x", type="question")
ALL = [APPROVAL, WORDS, NUMBER]


def test_a_question_is_shown_with_its_tool_call_and_the_ways_to_answer() -> None:
    assert described(1, APPROVAL, state_of()) == [
        "1. May it be sent?",
        '   send_letter({"to": "Ada"})',
        "   approve, reject or edit",
    ]
    assert described(2, WORDS, state_of()) == ["2. Which garden?", "   reject or an answer in words"]
    assert described(3, NUMBER, state_of()) == ["3. How many?", '   JSON Schema: {"type": "integer"}', "   JSON"]
    assert described(1, ANYTHING, state_of())[0] == "1. question"
    assert ways(ANYTHING) == "approve, reject, edit or an answer in words"


def test_what_has_expired_is_not_asked() -> None:
    late = Question(id="l")
    late.expire_time.FromSeconds(1000)
    assert open_questions(state_of(late, WORDS), 999.9) == [late, WORDS]
    assert open_questions(state_of(late, WORDS), 1000.0) == [WORDS]


@pytest.mark.parametrize(
    ("question", "given", "expected"),
    [
        (APPROVAL, Given(approve=True), answer("a")),
        (APPROVAL, Given(reject=True, comment=" too long "), answer("a", REJECT, comment="too long")),
        (APPROVAL, Given(json='{"to": "Ben"}'), answer("a", EDIT, '{"to": "Ben"}')),
        (WORDS, Given(text="the öld one"), answer("w", RESPOND, '"the öld one"')),
        (WORDS, Given(json='"the old one"'), answer("w", RESPOND, '"the old one"')),
        (NUMBER, Given(json="3", comment="or four"), answer("n", RESPOND, "3", "or four")),
        (ANYTHING, Given(json="[1]"), answer("x", RESPOND, "[1]")),
        (WORDS, Given(each=["1=text:a=b"]), answer("w", RESPOND, '"a=b"')),
        (WORDS, Given(each=["w=reject"]), answer("w", REJECT)),
    ],
)
def test_options_make_an_answer(question: Question, given: Given, expected: content_pb2.InputAnswer) -> None:
    assert answers_of([question], given) == [expected]


def test_several_questions_are_answered_each_by_its_number_or_id() -> None:
    given = Given(each=["3=json:4", "a=approve", "2=text:the old one"], comment="all fine")
    assert answers_of(ALL, given) == [
        answer("a", comment="all fine"),
        answer("w", RESPOND, '"the old one"', "all fine"),
        answer("n", RESPOND, "4", "all fine"),
    ]


def test_all_are_approved_or_rejected_at_once() -> None:
    assert answers_of([APPROVAL, WORDS], Given(reject=True)) == [answer("a", REJECT), answer("w", REJECT)]


@pytest.mark.parametrize(
    ("questions", "given", "said"),
    [
        ([APPROVAL], Given(approve=True, reject=True), "give one of --approve"),
        ([APPROVAL], Given(text="yes"), "may be answered with approve, reject or edit, not with respond"),
        ([WORDS], Given(approve=True), "may be answered with reject or an answer in words"),
        ([NUMBER], Given(json="three"), "is not JSON: write it in single quotes"),
        (ALL, Given(text="yes"), "the job asks 3 questions: answer each, as in --question 1=approve"),
        (ALL, Given(approve=True), "question 2 may be answered with"),
        (ALL, Given(each=["1=approve"]), "question 2, 3 has no answer"),
        (ALL, Given(each=["1=approve", "a=reject"]), "question 1 is answered twice"),
        (ALL, Given(each=["4=approve"]), "names no question of the job"),
        (ALL, Given(each=["approve"]), "names no question of the job"),
        (ALL, Given(each=["1=yes"]), "write approve, reject, text:WORDS or json:JSON"),
    ],
)
def test_a_mistake_is_one_sentence_with_a_way_out(questions: list[Question], given: Given, said: str) -> None:
    with pytest.raises(Mistake) as made:
        answers_of(questions, given)
    assert said in str(made.value)
    assert "\n" not in str(made.value)


async def asked(
    capsys: pytest.CaptureFixture[str], question: Question, *typed: str
) -> tuple[content_pb2.InputAnswer, str]:
    """Return the answer that typing makes, and what was said about it."""
    lines: Iterator[str] = iter(typed)

    async def read(_: str) -> str:
        return f"{next(lines)}\n"

    (found,) = await interview([question], state_of(), read)
    assert list(lines) == []
    return found, capsys.readouterr().err


@pytest.mark.parametrize(
    ("question", "typed", "expected"),
    [
        (APPROVAL, ["approve"], answer("a")),
        (APPROVAL, ["A"], answer("a")),
        (APPROVAL, ["rej", "too long"], answer("a", REJECT, comment="too long")),
        (APPROVAL, ["e", '{"to": "Ben"}'], answer("a", EDIT, '{"to": "Ben"}')),
        (WORDS, ["r"], answer("w", RESPOND, '"r"')),
        (WORDS, ["reject", ""], answer("w", REJECT)),
        (NUMBER, ["3"], answer("n", RESPOND, "3")),
    ],
)
async def test_what_is_typed_makes_an_answer(
    capsys: pytest.CaptureFixture[str], question: Question, typed: list[str], expected: content_pb2.InputAnswer
) -> None:
    assert await asked(capsys, question, *typed) == (expected, "")


async def test_it_is_asked_again_until_the_answer_fits(capsys: pytest.CaptureFixture[str]) -> None:
    found, said = await asked(capsys, APPROVAL, "", "yes", "e", "{not json", "a")
    assert found == answer("a")
    assert said.count("streamsvc: write approve, reject or edit\n") == 2
    assert "is not JSON" in said


async def test_the_end_of_the_input_answers_nothing() -> None:
    async def closed(_: str) -> str:
        raise EOFError

    with pytest.raises(Mistake, match="the question stays open"):
        await interview([WORDS], state_of(), closed)
