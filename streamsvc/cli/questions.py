"""What a job asks people, in words, and the answers that words make."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from streamsvc.cli.errors import Mistake
from streamsvc.cli.terminal import one_line
from streamsvc.json_text import json_value
from streamsvc.v1 import content_pb2, state_pb2

Decision: TypeAlias = content_pb2.InputDecision.ValueType
Question = content_pb2.InputRequest

APPROVE, REJECT = content_pb2.INPUT_DECISION_APPROVE, content_pb2.INPUT_DECISION_REJECT
EDIT, RESPOND = content_pb2.INPUT_DECISION_EDIT, content_pb2.INPUT_DECISION_RESPOND
WORDS: dict[Decision, str] = {APPROVE: "approve", REJECT: "reject", EDIT: "edit", RESPOND: "respond"}

_SHORT = 300
_EACH = "as in --question 1=approve --question '2=text:the old one'"


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say. `each` are answers to single questions, as `--question` has them."""

    approve: bool = False
    reject: bool = False
    text: str | None = None
    json: str | None = None
    comment: str = ""
    each: Sequence[str] = ()

    @property
    def anything(self) -> bool:
        """Whether there is an answer in it."""
        return self.approve or self.reject or self.text is not None or self.json is not None or bool(self.each)


def open_questions(state: state_pb2.JobState, now: float) -> list[Question]:
    """Return the questions of a job that have not expired. `now` is the time since 1970 in seconds."""
    return [
        asked
        for asked in state.input_requests
        if not asked.HasField("expire_time") or asked.expire_time.ToNanoseconds() / 1e9 > now
    ]


def described(number: int, question: Question, state: state_pb2.JobState) -> list[str]:
    """Return a question in lines: what is asked, the tool call that it is about, and how it may be answered."""
    lines = [f"{number}. {one_line(question.message or question.type or question.id)}"]
    if question.HasField("part_index") and 0 <= question.part_index < len(state.parts):
        call = state.parts[question.part_index].tool_call
        if call.name:
            lines.append(f"   {one_line(call.title or call.name)}({one_line(call.arguments_json, _SHORT)})")
    if takes_json(question):
        lines.append(f"   JSON Schema: {one_line(question.schema_json, _SHORT)}")
    return [*lines, f"   {ways(question)}"]


def ways(question: Question) -> str:
    """Return how a question may be answered, as a list in words."""
    found = [WORDS[decision] for decision in (APPROVE, REJECT, EDIT) if allows(question, decision)]
    if allows(question, RESPOND):
        found.append("JSON" if takes_json(question) else "an answer in words")
    return " or ".join(filter(None, (", ".join(found[:-1]), found[-1]))) if found else "(nothing that is known here)"


def allows(question: Question, decision: Decision) -> bool:
    """Tell whether a question may be answered so."""
    return not question.decisions or decision in question.decisions


def takes_json(question: Question) -> bool:
    """Tell whether an answer in words would not do: its schema is none of a text."""
    schema = _schema(question)
    return schema not in ({}, True) and not (isinstance(schema, dict) and schema.get("type") == "string")


def in_short(answer: content_pb2.InputAnswer) -> str:
    """Return an answer on one line: what was decided, and the answer itself or why.

    >>> in_short(content_pb2.InputAnswer(decision=REJECT, comment="too long"))
    'reject: too long'
    """
    said = one_line(": ".join(filter(None, (answer.json, answer.comment))), _SHORT)
    return ": ".join(filter(None, (WORDS.get(answer.decision, "answered"), said)))


def decided(
    question: Question, decision: Decision, name: str, answer_json: str = "", comment: str = ""
) -> content_pb2.InputAnswer:
    """Return an answer. Raises Mistake for one that the question does not allow; `name` says which one that is."""
    if not allows(question, decision):
        raise Mistake(f"{name} may be answered with {ways(question)}, not with {WORDS[decision]}")
    return content_pb2.InputAnswer(
        input_request_id=question.id, decision=decision, json=answer_json, comment=comment.strip()
    )


def in_words(question: Question, words: str, name: str, comment: str = "") -> content_pb2.InputAnswer:
    """Return an answer in words. Raises Mistake."""
    return decided(question, RESPOND, name, json.dumps(words, ensure_ascii=False), comment)


def in_json(question: Question, text: str, name: str, comment: str = "") -> content_pb2.InputAnswer:
    """Return an answer in JSON: changed arguments of a tool call, or a response. Raises Mistake."""
    try:
        json_value(text)
    except ValueError:
        raise Mistake(f"the answer to {name} is not JSON: write it in single quotes, or words with --text") from None
    first = EDIT if question.HasField("part_index") else RESPOND
    other = RESPOND if first == EDIT else EDIT
    return decided(question, first if allows(question, first) else other, name, text, comment)


def answers_of(questions: Sequence[Question], given: Given) -> list[content_pb2.InputAnswer]:
    """Return an answer to each question. Raises Mistake if one is missing, or does not fit."""
    whole = [given.approve, given.reject, given.text is not None, given.json is not None, bool(given.each)]
    if sum(whole) > 1:
        raise Mistake("give one of --approve, --reject, --text, --json and --question")
    if given.each:
        return _each(questions, given)
    if len(questions) > 1 and not (given.approve or given.reject):
        raise Mistake(f"the job asks {len(questions)} questions: answer each, {_EACH}")
    return [_answer(question, given, _name(number, questions)) for number, question in enumerate(questions, 1)]


def _each(questions: Sequence[Question], given: Given) -> list[content_pb2.InputAnswer]:
    found: dict[int, content_pb2.InputAnswer] = {}
    for text in given.each:
        place, equals, words = text.partition("=")
        number = next((n for n, asked in enumerate(questions, 1) if place.strip() in (str(n), asked.id)), 0)
        if not equals or not number:
            raise Mistake(f"--question {one_line(text, 60)} names no question of the job: write NUMBER=ANSWER, {_EACH}")
        if number in found:
            raise Mistake(f"question {number} is answered twice: answer it once")
        found[number] = _answer(questions[number - 1], _given(words, given.comment), f"question {number}")
    if left := [str(number) for number in range(1, len(questions) + 1) if number not in found]:
        raise Mistake(f"question {', '.join(left)} has no answer: all are answered together, {_EACH}")
    return [found[number] for number in sorted(found)]


def _given(words: str, comment: str) -> Given:
    kind, colon, rest = words.partition(":")
    if words in ("approve", "reject"):
        return Given(approve=words == "approve", reject=words == "reject", comment=comment)
    if colon and kind in ("text", "json"):
        return Given(text=rest if kind == "text" else None, json=rest if kind == "json" else None, comment=comment)
    raise Mistake(f"{one_line(words, 60)} is no answer: write approve, reject, text:WORDS or json:JSON, {_EACH}")


def _answer(question: Question, given: Given, name: str) -> content_pb2.InputAnswer:
    if given.text is not None:
        return in_words(question, given.text, name, given.comment)
    if given.json is not None:
        return in_json(question, given.json, name, given.comment)
    return decided(question, APPROVE if given.approve else REJECT, name, comment=given.comment)


def _name(number: int, questions: Sequence[Question]) -> str:
    return "the question" if len(questions) == 1 else f"question {number}"


def _schema(question: Question) -> Any:
    try:
        return json_value(question.schema_json or "{}")
    except ValueError:
        return {}
