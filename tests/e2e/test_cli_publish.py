"""`streamsvc publish`: what a program writes becomes the answer of a job while it is written."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from streamsvc.client import Client
from streamsvc.v1 import job_pb2
from tests.support.commands import STREAMSVC, run
from tests.support.counting import shown
from tests.support.events import answer, kinds
from tests.support.following import Follower, obey, whole
from tests.support.service import LIMIT, Service, clean_environment, client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service() -> AsyncIterator[Service]:
    async with await Service.start({"claim_grace": "20s"}) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(service: Service) -> AsyncIterator[Client]:
    async with client_of(service.address) as opened:
        yield opened


@asynccontextmanager
async def publishing(service: Service, *words: str) -> AsyncIterator[tuple[Process, str]]:
    """Run the command with an open pipe, and give its job's id."""
    process = await asyncio.create_subprocess_exec(
        *(STREAMSVC, "publish", "--target", service.internal_address, *words),
        env=clean_environment(),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(LIMIT):
            line = (await process.stderr.readline()).decode()
        assert line.startswith("job "), line
        yield process, line.split()[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def say(process: Process, text: str, *, ends: bool = False) -> None:
    """Write to the pipe."""
    assert process.stdin is not None
    process.stdin.write(text.encode())
    await process.stdin.drain()
    if ends:
        process.stdin.close()


async def code_of(process: Process) -> int:
    """Wait for the command's end."""
    async with asyncio.timeout(LIMIT):
        return await process.wait()


async def test_what_is_piped_in_is_shown_while_it_is_written(service: Service, client: Client) -> None:
    async with publishing(service, "--conversation", "c1", "--label", "k=v") as (process, job_id):
        reader = Follower(client, job_id, "reader")
        await say(process, "Hello ")
        await reader.until(shown("text_delta"))
        await say(process, "wörld", ends=True)
        assert await code_of(process) == 0
        state = await obey(client, job_id, [reader])
        assert (answer(state), state.job.conversation_id, dict(state.job.labels)) == ("Hello wörld", "c1", {"k": "v"})


async def test_lines_of_json_are_events(service: Service, client: Client) -> None:
    events = [
        {"partStarted": {"part": {"text": {}}}},
        {"textDelta": {"text": "as JSON"}},
        {"custom": {"name": "acme.progress", "json": "[1]", "key": "k"}},
    ]
    async with publishing(service, "--json") as (process, job_id):
        await say(process, "\n".join(map(json.dumps, events)), ends=True)
        assert await code_of(process) == 0
        state = await client.state(job_id)
        assert (answer(state), state.custom[0].json) == ("as JSON", "[1]")


async def test_a_line_that_is_no_event_is_named_and_fails_the_job(service: Service, client: Client) -> None:
    async with publishing(service, "--json") as (process, job_id):
        await say(process, '{"partStarted": {"part": {"text": {}}}}\n{"nothing": 1}\n', ends=True)
        assert await code_of(process) == 2
        _, err = await process.communicate()
        assert b"line 2 of standard input is no event" in err
        assert (await client.state(job_id)).job.status == job_pb2.JOB_STATUS_FAILED


async def test_a_cancel_ends_the_command_although_its_pipe_is_open(service: Service, client: Client) -> None:
    async with publishing(service) as (process, job_id):
        await say(process, "half an ")
        reader = Follower(client, job_id, "reader")
        await reader.until(shown("text_delta"))
        await client.cancel(job_id, "enough")
        assert await code_of(process) == 5
        assert answer(await obey(client, job_id, [reader])) == "half an "


async def test_ctrl_c_cancels_the_job(service: Service, client: Client) -> None:
    async with publishing(service) as (process, job_id):
        await say(process, "half an ")
        await Follower(client, job_id, "reader").until(shown("text_delta"))
        process.send_signal(signal.SIGINT)
        assert await code_of(process) == 130
        assert (await client.state(job_id)).job.status == job_pb2.JOB_STATUS_CANCELLED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_command_that_was_ended_goes_on_under_its_request_id(
    service: Service, client: Client, number: signal.Signals
) -> None:
    words = ("--request-id", f"ended by {number}")
    async with publishing(service, *words) as (process, job_id):
        await say(process, "one two ")
        reader = Follower(client, job_id, "reader")
        await reader.until(shown("text_delta"))
        process.send_signal(number)
        await code_of(process)
    async with publishing(service, *words) as (process, again):
        assert again == job_id
        await say(process, "one ")
        await say(process, "two three", ends=True)
        assert await code_of(process) == 0
    assert answer(await obey(client, job_id, [reader])) == "one two three"
    assert kinds(await whole(client, job_id)).count("job_resumed") == 1


async def test_another_answer_under_the_same_request_id_is_refused(service: Service) -> None:
    words = ("--request-id", "differs")
    async with publishing(service, *words) as (process, job_id):
        await say(process, "one two ")
        async with client_of(service.address) as client:
            await Follower(client, job_id, "reader").until(shown("text_delta"))
        process.send_signal(signal.SIGTERM)
        await code_of(process)
    async with publishing(service, *words) as (process, _):
        await say(process, "two", ends=True)
        assert await code_of(process) == 1
        _, err = await process.communicate()
        assert b"choose another one" in err


async def test_a_service_that_is_not_there_is_told_in_one_sentence() -> None:
    ran = await run(STREAMSVC, "publish", "--target", "127.0.0.1:9")
    assert ran.code == 1
    assert ran.sentence.startswith("streamsvc: no service takes jobs of others at 127.0.0.1:9: start one with")
