"""A job that asks, from the command line: shown, answered in every way, and by two people at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from streamsvc.client import Client
from streamsvc.v1 import state_pb2
from tests.e2e.test_cli_face_terminal import terminal
from tests.support.commands import STREAMSVC, Ran, run
from tests.support.events import answer as text_of
from tests.support.people import APPROVE, EDIT, REJECT, RESPOND, asking
from tests.support.service import Service, client_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    async with await Service.start() as service:
        yield service.address


@pytest_asyncio.fixture(loop_scope="module")
async def client(address: str) -> AsyncIterator[Client]:
    async with client_of(address) as opened:
        yield opened


async def streamsvc(address: str, *words: str) -> Ran:
    return await run(STREAMSVC, *words, environment={"STREAMSVC_TARGET": address})


async def asked(client: Client, ask: str = "approval") -> str:
    """Have a job ask, and return its id when it has ended."""
    job = await client.start("write to Ada", producer="scripted", parameters=asking(ask))
    async for _ in client.stream(job.id):
        pass
    return job.id


async def after(client: Client, ran: Ran) -> state_pb2.JobState:
    """Return the state of the job that a command has followed."""
    (line,) = [line for line in ran.err.splitlines() if line.startswith("job ")]
    return await client.state(line.removeprefix("job "))


async def test_start_ends_by_saying_that_the_job_waits_and_which_command_answers(address: str, client: Client) -> None:
    script = json.dumps({"tokens": 2, "rate": 0, "ask": "approval"})
    ran = await streamsvc(address, "start", "write to Ada", "--extra", script)
    assert ran.code == 3
    job_id = ran.err.split()[1]
    assert "streamsvc: asks: May the letter to Ada be sent?\n" in ran.err
    assert ran.err.endswith(f"the job waits for people; answer with: streamsvc answer {job_id}\n")
    followed = await streamsvc(address, "follow", job_id)
    assert (followed.code, followed.out) == (3, ran.out)


@pytest.mark.parametrize(
    ("ask", "words", "decision", "text"),
    [
        ("approval", ("--approve",), APPROVE, ""),
        ("approval", ("--reject", "--comment", "too long"), REJECT, "Then not: too long. "),
        ("approval", ("--json", '{"to": "Ben"}'), EDIT, ""),
        ("question", ("--text", "the old one"), RESPOND, 'You said "the old one". '),
        ("both", ("-q", "1=approve", "-q", "2=text:here"), APPROVE, 'You said "here". '),
    ],
)
async def test_an_answer_among_the_options_starts_the_next_job_and_follows_it(
    address: str, client: Client, ask: str, words: tuple[str, ...], decision: int, text: str
) -> None:
    job_id = await asked(client, ask)
    ran = await streamsvc(address, "answer", job_id, *words)
    assert ran.code == 0, ran.err
    state = await after(client, ran)
    assert (state.job.previous_job_id, state.answers[0].decision) == (job_id, decision)
    assert ran.out.rstrip("\n") == text_of(state).rstrip("\n")
    assert text_of(state).startswith(text)


async def test_who_is_second_is_told_so_and_follows_the_job_of_the_first(address: str, client: Client) -> None:
    job_id = await asked(client)
    ran = await asyncio.gather(
        streamsvc(address, "answer", job_id, "--approve"), streamsvc(address, "answer", job_id, "--approve")
    )
    first, second = sorted(ran, key=lambda one: one.code)
    assert (first.code, second.code) == (0, 6)
    next_id = (await after(client, first)).job.id
    assert second.err.startswith(f"streamsvc: others were first, and their answer counts: it is with job {next_id}\n")
    assert second.out == first.out


async def test_the_id_alone_is_printed_for_those_who_leave(address: str, client: Client) -> None:
    job_id = await asked(client)
    first = await streamsvc(address, "answer", job_id, "--reject", "--detach")
    second = await streamsvc(address, "answer", job_id, "--approve", "--detach")
    assert (first.code, second.code) == (0, 6)
    assert first.out == second.out
    assert (await client.state(first.out.strip())).job.previous_job_id == job_id


async def test_without_an_answer_the_questions_are_shown(address: str, client: Client) -> None:
    ran = await streamsvc(address, "answer", await asked(client, "both"))
    assert ran.code == 2
    assert ran.out.splitlines() == [
        "1. May the letter to Ada be sent?",
        '   send_letter({"to": "Ada", "text": "The river is high."})',
        *[line for line in ran.out.splitlines() if "JSON Schema" in line],
        "   approve, reject or edit",
        "2. Which garden is meant?",
        "   reject or an answer in words",
    ]
    assert "add --approve, --reject, --text, --json or --question" in ran.sentence


async def test_mistakes_are_one_sentence(address: str, client: Client) -> None:
    plain = await client.start("hello", producer="scripted", parameters=asking("approval", tokens=1_000_000, rate=1))
    both = await asked(client, "both")
    for words, code, said in (
        ((plain.id, "--approve"), 1, "the job does not wait for people: it is running; see it with: streamsvc follow"),
        (("0" * 32, "--approve"), 1, "`streamsvc list` shows the jobs there are"),
        ((both, "--text", "yes"), 2, "the job asks 2 questions: answer each, as in --question 1=approve"),
        ((both, "-q", "1=approve"), 2, "question 2 has no answer"),
        ((both, "--json", "{"), 2, "the job asks 2 questions"),
    ):
        ran = await streamsvc(address, "answer", *words)
        assert (ran.code, ran.out) == (code, ""), ran.err
        assert said in ran.sentence
    await client.cancel(plain.id)


async def test_in_a_terminal_each_question_is_asked(address: str, client: Client) -> None:
    job_id = await asked(client, "both")
    async with terminal(address, "answer", job_id) as there:
        await there.until(r"approve, reject or edit\n> ")
        there.press(b"perhaps\n")
        await there.until("streamsvc: write approve, reject or edit")
        there.press(b"r\n")
        await there.until("why?")
        there.press(b"too long\n")
        await there.until("Which garden is meant")
        await there.until(r"an answer in words\n> ")
        there.press(b"the old one\n")
        assert await there.ended() == 0
    assert "completed (stop)" in there.text
    assert 'You said "the old one".' in there.text


async def test_ctrl_c_leaves_the_question_open(address: str, client: Client) -> None:
    job_id = await asked(client, "question")
    async with terminal(address, "answer", job_id) as there:
        await there.until("> ")
        there.press(b"\x03")
        assert await there.ended() == 130
    assert (await streamsvc(address, "answer", job_id, "--reject")).code == 0
