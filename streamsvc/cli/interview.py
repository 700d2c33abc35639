"""Asking people in a terminal what a job asks them, question by question."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import typer

from streamsvc.cli.errors import Mistake
from streamsvc.cli.questions import (
    APPROVE,
    EDIT,
    REJECT,
    RESPOND,
    WORDS,
    Decision,
    Question,
    allows,
    decided,
    described,
    in_json,
    in_words,
    takes_json,
    ways,
)
from streamsvc.cli.terminal import say
from streamsvc.v1 import content_pb2, state_pb2

Read = Callable[[str], Awaitable[str]]
"""Writes a prompt and returns the line that was typed. Raises EOFError at the end of the input."""


async def interview(
    questions: Sequence[Question], state: state_pb2.JobState, read: Read
) -> list[content_pb2.InputAnswer]:
    """Ask each question until it has an answer that fits. Raises Mistake if the input ends before."""
    answers = []
    try:
        for number, question in enumerate(questions, 1):
            typer.echo("\n".join(described(number, question, state)))
            answers.append(await _asked(question, read))
    except EOFError:
        raise Mistake("nothing was answered: the question stays open") from None
    return answers


async def _asked(question: Question, read: Read) -> content_pb2.InputAnswer:
    while True:
        typed = (await read("> ")).strip()
        try:
            return await _understood(question, typed, read)
        except Mistake as mistake:
            say(str(mistake))


async def _understood(question: Question, typed: str, read: Read) -> content_pb2.InputAnswer:
    """Return the answer that was typed. Raises Mistake if there is none in it."""
    name = "the question"
    decision = _decision(question, typed)
    if decision == EDIT:
        return in_json(question, (await read("the changed arguments, as JSON: ")).strip(), name)
    if decision is not None:
        comment = await read("why? (Enter for no reason) ") if decision == REJECT else ""
        return decided(question, decision, name, comment=comment)
    if not typed or not allows(question, RESPOND):
        raise Mistake(f"write {ways(question)}")
    return in_json(question, typed, name) if takes_json(question) else in_words(question, typed, name)


def _decision(question: Question, typed: str) -> Decision | None:
    """Return the decision that was typed: the whole word, or how it begins where words are no answer themselves."""
    words = {WORDS[decision]: decision for decision in (APPROVE, REJECT, EDIT) if allows(question, decision)}
    if typed.lower() in words:
        return words[typed.lower()]
    if allows(question, RESPOND):
        return None
    begun = [decision for word, decision in words.items() if typed and word.startswith(typed.lower())]
    return begun[0] if len(begun) == 1 else None
