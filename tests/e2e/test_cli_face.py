"""The commands that stand beside start and follow, and all options of start, against the real service."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from streamsvc.client import Client
from streamsvc.v1 import content_pb2, job_pb2
from tests.support.service import LIMIT, Service, clean_environment, client_of

SHORT = '{"tokens": 12, "rate": 0, "rich": true}'
ENDLESS = '{"tokens": 1000000, "rate": 20}'


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it wrote."""

    code: int | None
    out: str
    err: str


@dataclass(frozen=True)
class Commands:
    """Runs commands against a service."""

    address: str

    async def spawn(self, *words: str, piped: bool = False, cwd: Path | None = None) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streamsvc", *words),
            env={**clean_environment(), "STREAMSVC_TARGET": self.address, "PYTHONWARNINGS": "error"},
            cwd=cwd,
            stdin=PIPE if piped else DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )

    async def __call__(self, *words: str, stdin: str | None = None, cwd: Path | None = None) -> Ran:
        process = await self.spawn(*words, piped=stdin is not None, cwd=cwd)
        async with asyncio.timeout(LIMIT):
            out, err = await process.communicate(None if stdin is None else stdin.encode())
        return Ran(process.returncode, out.decode(), err.decode())

    async def started(self, *words: str, extra: str = SHORT) -> str:
        """Start a job, and return its id."""
        ran = await self("start", "why?", "--detach", "--extra", extra, *words)
        assert ran.code == 0, ran.err
        return ran.out.strip()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with await Service.start() as running:
        yield running


@pytest.fixture
def run(service: Service) -> Commands:
    return Commands(service.address)


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Client]:
    async with client_of(service.address) as opened:
        yield opened


@asynccontextmanager
async def watching(run: Commands, *words: str) -> AsyncIterator[Process]:
    process = await run.spawn("watch", *words)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_of(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT):
        return (await process.stdout.readline()).decode().rstrip("\n")


async def ended(client: Client, job_id: str) -> None:
    async with asyncio.timeout(LIMIT):
        async for _ in client.stream(job_id):
            pass


async def asked(client: Client, job_id: str) -> list[str]:
    state = await client.state(job_id)
    return [part.text.text for message in state.input for part in message.parts]


async def test_a_list_is_lines_with_tabs_newest_first(run: Commands, client: Client) -> None:
    first = await run.started()
    second = await run.started(extra=ENDLESS)
    await ended(client, first)
    ran = await run("list")
    assert ran.code == 0
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert [row[0] for row in rows] == [second, first]
    assert rows[1][1:2] + rows[1][3:] == ["completed", "scripted/scripted", "A scripted answer"]
    assert rows[1][2].isdecimal()


async def test_a_list_is_filtered_and_limited(run: Commands, client: Client) -> None:
    done = await run.started("--conversation", "a")
    running = await run.started("--conversation", "a", extra=ENDLESS)
    other = await run.started("--conversation", "b", extra=ENDLESS)
    await ended(client, done)

    async def ids(*words: str) -> list[str]:
        return [line.split("\t")[0] for line in (await run("list", *words)).out.splitlines()]

    assert await ids("--conversation", "a") == [running, done]
    assert await ids("--status", "completed") == [done]
    assert await ids("--status", "completed", "--status", "running") == [other, running, done]
    assert await ids("--limit", "1") == [other]
    assert await ids("--conversation", "nobody") == []


async def test_a_list_as_json_holds_whole_jobs(run: Commands) -> None:
    job_id = await run.started("--label", "team=search")
    (line,) = (await run("list", "--json")).out.splitlines()
    assert json.loads(line)["id"] == job_id
    assert json.loads(line)["labels"] == {"team": "search"}


async def test_deleted_jobs_are_gone(run: Commands) -> None:
    first, second = await run.started(), await run.started(extra=ENDLESS)
    ran = await run("delete", first, second)
    assert (ran.code, ran.out) == (0, f"deleted {first}\ndeleted {second}\n")
    assert (await run("list")).out == ""


async def test_one_wrong_id_does_not_save_the_others(run: Commands) -> None:
    job_id = await run.started()
    ran = await run("delete", "0" * 32, job_id)
    assert (ran.code, ran.out) == (1, f"deleted {job_id}\n")
    assert ran.err.startswith("streamsvc: JOB_NOT_FOUND: ")


async def test_a_watch_tells_of_start_change_and_end(run: Commands) -> None:
    standing = await run.started(extra=ENDLESS)
    async with watching(run) as process:
        assert (await line_of(process)).split("\t")[:2] == ["running", standing]
        assert await line_of(process) == "caught up"
        job_id = await run.started()
        told = [(await line_of(process)).split("\t")]
        while told[-1][0] != "ended":
            told.append((await line_of(process)).split("\t"))
        assert {row[1] for row in told} == {job_id}
        assert all(row[0] == "changed" for row in told[1:-1])
        assert told[-1][2:] == ["completed", "scripted/scripted", "A scripted answer"]
        await run("delete", standing)
        rows = [await line_of(process)]
        while not rows[-1].startswith("removed"):
            rows.append(await line_of(process))
        assert rows[-1] == f"removed\t{standing}"


async def test_a_watch_goes_on_from_where_it_was_left(run: Commands, client: Client) -> None:
    async with watching(run, "--conversation", "c") as process:
        assert await line_of(process) == "caught up"
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(LIMIT):
            _, err = await process.communicate()
    assert process.returncode == 130
    left = re.search(r"streamsvc watch --conversation c --token (\S+)", err.decode())
    assert left is not None
    missed = await run.started("--conversation", "c")
    await run.started("--conversation", "another")
    await ended(client, missed)
    async with watching(run, "--json", "--conversation", "c", "--token", left[1]) as process:
        first = json.loads(await line_of(process))
        assert (first["change"], first["job"]["id"]) == ("ended", missed)
        caught_up = json.loads(await line_of(process))
        assert caught_up["change"] == "caught_up"


async def test_all_options_of_start_reach_the_job(run: Commands, client: Client) -> None:
    options = ("--conversation", "c", "--producer", "scripted", "--model", "m1", "--max-tokens", "3")
    more = ("--system", "Be brief.", "--temperature", "0.5", "--label", "a=b", "--label", "c=d=e")
    ran = await run(
        "start", "why?", *options, *more, "--extra", '{"tokens": 9, "rate": 0, "pattern": "count"}', "--json"
    )
    assert ran.code == 0
    events = [json.loads(line)["event"] for line in ran.out.splitlines()]
    job_id = events[0]["jobCreated"]["job"]["id"]
    state = await client.state(job_id)
    assert (state.job.conversation_id, state.job.producer, state.job.model) == ("c", "scripted", "m1")
    assert dict(state.job.labels) == {"a": "b", "c": "d=e"}
    assert state.job.finish_reason == job_pb2.FINISH_REASON_LENGTH
    assert [part.text.text for part in state.parts] == ["0 1 2 "]
    # Instructions are not shown to readers.
    assert [message.role for message in state.input] == [content_pb2.ROLE_USER]


async def test_a_detached_start_as_json_is_the_job(run: Commands) -> None:
    ran = await run("start", "why?", "--detach", "--json", "--extra", SHORT)
    assert json.loads(ran.out)["status"] == "JOB_STATUS_PENDING"


async def test_a_request_id_finds_the_same_job(run: Commands) -> None:
    assert await run.started("--request-id", "r1") == await run.started("--request-id", "r1")
    ran = await run("start", "something else", "--request-id", "r1", "--detach")
    assert ran.code == 1
    assert "choose another --request-id" in ran.err


async def test_a_busy_conversation_is_refused_or_replaced(run: Commands, client: Client) -> None:
    running = await run.started("--conversation", "c", extra=ENDLESS)
    refused = await run("start", "why?", "--conversation", "c", "--concurrency", "reject", "--detach")
    assert refused.code == 1
    assert f"`streamsvc follow {running}`" in refused.err
    await run.started("--conversation", "c", "--concurrency", "replace")
    await ended(client, running)
    assert (await client.state(running)).job.status == job_pb2.JOB_STATUS_CANCELLED


@pytest.mark.parametrize("words", [(), ("-",)])
async def test_the_prompt_is_read_from_a_pipe(words: tuple[str, ...], run: Commands, client: Client) -> None:
    ran = await run("start", *words, "--detach", "--extra", SHORT, stdin="why,\nand how?\n")
    assert await asked(client, ran.out.strip()) == ["why,\nand how?"]


async def test_files_are_put_below_the_prompt(run: Commands, client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    (tmp_path / "b.txt").write_text("two\n")
    files = ("--file", "a.txt", "--file", "b.txt", "--file", "-")
    ran = await run("start", "compare", *files, "--detach", "--extra", SHORT, stdin="three\n", cwd=tmp_path)
    (text,) = await asked(client, ran.out.strip())
    names = ("a.txt", "b.txt", "standard input")
    blocks = [
        f'<file name="{name}">\n{word}\n</file>' for name, word in zip(names, ("one", "two", "three"), strict=True)
    ]
    assert text == "\n\n".join(["compare", *blocks])


async def test_what_is_piped_out_is_the_bare_text(run: Commands) -> None:
    ran = await run("start", "why?", "--extra", '{"tokens": 4, "rate": 0, "pattern": "count"}')
    assert (ran.code, ran.out) == (0, "0 1 2 3 \n")
    assert re.fullmatch(r"job [0-9a-f]{32}\n", ran.err)


async def test_a_reader_that_leaves_a_pipe_ends_it_quietly(run: Commands) -> None:
    process = await run.spawn("start", "why?", "--extra", ENDLESS.replace("20", "0"))
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT):
        await process.stdout.read(10)
        process.stdout._transport.close()  # type: ignore[attr-defined]
        assert process.stderr is not None
        said = (await process.stderr.read()).decode()
        assert await process.wait() == 1
    assert "Traceback" not in said


async def test_an_interrupt_without_a_terminal_leaves_at_once(run: Commands, client: Client) -> None:
    process = await run.spawn("start", "why?", "--extra", ENDLESS)
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT):
        await process.stdout.readexactly(10)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    found = re.search(
        r"the job goes on, and so can you: streamsvc follow (\S+) --after (\d+) --epoch (\S+)", err.decode()
    )
    assert found is not None
    assert (await client.state(found[1])).job.status == job_pb2.JOB_STATUS_RUNNING
