"""`streamsvc answer`: what a job asks people, and their answers."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from streamsvc.cli.calls import with_client
from streamsvc.cli.errors import EXIT_CALL_FAILED, Mistake
from streamsvc.cli.follow import watch_job
from streamsvc.cli.interview import interview
from streamsvc.cli.keyboard import typed
from streamsvc.cli.options import DEFAULT_TARGET, JobId, Plain, Target, examples, words_of_target
from streamsvc.cli.output import Ending, ending_of_job
from streamsvc.cli.questions import Given, Question, answers_of, described, open_questions
from streamsvc.cli.start import Detach
from streamsvc.cli.status import name_of
from streamsvc.cli.terminal import say
from streamsvc.client import Client, Cursor
from streamsvc.errors import InputAnswered
from streamsvc.v1 import content_pb2, state_pb2

EXIT_SECOND = 6
"""Others had answered: what was said here does not count."""

EPILOG = examples(
    "streamsvc answer JOB_ID                                    # shows what is asked, and asks for answers",
    'streamsvc answer JOB_ID --reject --comment "too long"',
    'streamsvc answer JOB_ID --text "the old garden"',
    """streamsvc answer JOB_ID --json '{"to": "Ben"}'""",
    "streamsvc answer JOB_ID --question 1=approve --question '2=text:the old garden'",
)

Approve = Annotated[
    bool, typer.Option("--approve", "-y", metavar="", help="Approve all that is asked.", show_default=False)
]
Reject = Annotated[
    bool, typer.Option("--reject", "-n", metavar="", help="Reject all that is asked.", show_default=False)
]
Text = Annotated[str | None, typer.Option(metavar="WORDS", help="Answer in words.", show_default=False)]
Json = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="JSON",
        help="Answer in JSON; of a tool call: approve it with these arguments instead.",
        show_default=False,
    ),
]
Comment = Annotated[str, typer.Option(metavar="WORDS", help="Why; the model may be told.", show_default=False)]
Each = Annotated[
    list[str] | None,
    typer.Option(
        "--question",
        "-q",
        metavar="NUMBER=ANSWER",
        help="Answer one of several: approve, reject, text:WORDS or json:JSON. Repeatable.",
        show_default=False,
    ),
]


def answer(
    job_id: JobId,
    target: Target = DEFAULT_TARGET,
    approve: Approve = False,
    reject: Reject = False,
    text: Text = None,
    json: Json = None,
    comment: Comment = "",
    question: Each = None,
    detach: Detach = False,
    plain: Plain = False,
) -> None:
    """Answer what a job asks people, and follow the job that goes on.

    All questions of a job are answered together, and once: if others were first, theirs is the job that is followed.
    Without an answer among the options the questions are shown, and in a terminal asked one by one.

    Exits as `follow` does; with 6 if others were first, with 2 if there is no answer, or none that fits.
    """
    given = Given(approve, reject, text, json, comment, question or ())

    async def work(client: Client) -> int:
        state = await client.state(job_id)
        if ending_of_job(state.job) is not Ending.WAITS:
            command = shlex.join(["streamsvc", "follow", job_id, *words_of_target(target)])
            say(f"the job does not wait for people: it is {name_of(state.job.status)}; see it with: {command}")
            return EXIT_CALL_FAILED
        answers = await _answers(state, given)
        second = False
        try:
            next_id = (await client.answer(job_id, answers)).id
        except InputAnswered as first:
            say(f"others were first, and their answer counts: it is with job {first.job_id}")
            next_id, second = first.job_id, True
        typer.echo(next_id) if detach else typer.echo(f"job {next_id}", err=True)
        code = 0 if detach else await watch_job(client, next_id, target, Cursor("", 0), plain=plain)
        return EXIT_SECOND if second else code

    with_client(target, work)


async def _answers(state: state_pb2.JobState, given: Given) -> Sequence[content_pb2.InputAnswer]:
    """Return the answers: those of the options, or of whoever sits at the terminal. Raises Mistake."""
    questions = open_questions(state, time.time())
    if not questions:
        raise Mistake("all that the job asks has expired: start a new one")
    if given.anything:
        return answers_of(questions, given)
    if sys.stdin.isatty() and sys.stdout.isatty():
        return await interview(questions, state, typed)
    _show(questions, state)
    raise Mistake(
        "nothing is answered: add --approve, --reject, --text, --json or --question, or run this in a terminal"
    )


def _show(questions: Sequence[Question], state: state_pb2.JobState) -> None:
    for number, question in enumerate(questions, 1):
        typer.echo("\n".join(described(number, question, state)))
