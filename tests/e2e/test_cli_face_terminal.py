"""The live view and Ctrl-C, in a terminal: a pseudo-terminal with a real service behind it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from streamsvc.client import Client
from streamsvc.v1 import job_pb2
from tests.support.service import LIMIT, Service, clean_environment, client_of
from tests.unit.test_cli_emulator import Emulator

COLUMNS, ROWS = 100, 30
CTRL_C = b"\x03"
# The terminal must be the process's own, or it would send no signal for Ctrl-C.
ADOPT = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
RICH = '{"tokens": 60, "rate": 60, "rich": true}'
ENDLESS = '{"tokens": 1000000, "rate": 20}'
_COMMAND = re.compile(r"\x1b(\[[?0-9;]*[A-Za-z]|\].*?(\x1b\\|\x07))")


class Terminal:
    """What a command wrote to its terminal, and the keyboard."""

    def __init__(self, process: Process, master: int) -> None:
        self.process = process
        self.raw = ""
        self._master = master
        self._more = asyncio.Event()
        self._closed = False
        asyncio.get_running_loop().add_reader(master, self._read)

    @property
    def lines(self) -> list[str]:
        """What stands in the terminal and in its scrollback."""
        emulator = Emulator(COLUMNS, ROWS)
        emulator.write(self.raw)
        return emulator.shown

    @property
    def text(self) -> str:
        """All that was written, without commands to the terminal."""
        return _COMMAND.sub("", self.raw).replace("\r", "")

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows keys that are pressed."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    async def until(self, what: str | Callable[[str], bool]) -> None:
        """Wait until this was written."""
        test = what if callable(what) else lambda text: re.search(what, text) is not None
        try:
            async with asyncio.timeout(LIMIT):
                while not test(self.text):
                    assert not self._closed, f"it ended without that:\n{self.text}"
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"that was never written:\n{self.text}") from None

    async def ended(self) -> int:
        """Wait for the end, and return the exit code."""
        async with asyncio.timeout(LIMIT):
            code = await self.process.wait()
            while not self._closed:
                self._more.clear()
                await self._more.wait()
        return code

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other side is closed
            data = b""
        if data:
            self.raw += data.decode(errors="replace")
        else:
            self.close()
        self._more.set()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().remove_reader(self._master)


@asynccontextmanager
async def terminal(address: str, *words: str, **environment: str) -> AsyncIterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    command = (sys.executable, "-m", "streamsvc", *words)
    given = {"TERM": "xterm-256color", "STREAMSVC_TARGET": address, **environment}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ADOPT, *command),
        env={**clean_environment(), **given},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    opened = Terminal(process, master)
    try:
        yield opened
    finally:
        opened.close()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        os.close(master)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with await Service.start() as running:
        yield running


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Client]:
    async with client_of(service.address) as opened:
        yield opened


def job_in(text: str) -> str:
    found = re.search(r"job ([0-9a-f]{32})", text)
    assert found is not None, text
    return found[1]


async def ended(client: Client, job_id: str) -> job_pb2.Job:
    async with asyncio.timeout(LIMIT):
        async for _ in client.stream(job_id):
            pass
    return (await client.state(job_id)).job


async def test_an_answer_is_shown_live_and_once_more_as_a_whole(service: Service) -> None:
    async with terminal(service.address, "start", "why?", "--extra", RICH) as shown:
        await shown.until(r"● running · \d+ tokens/s · offset \d+ · \d+\.\d s · 0 reconnects")
        assert await shown.ended() == 0
    assert shown.lines[1] == "A scripted answer"
    assert "  Thought 1: what comes next?" in shown.lines
    call = shown.lines.index('✓ look_up({"turn": 2}) succeeded')
    assert shown.lines[call + 1] == '  → {"turn": 2, "found": []}'
    assert "  [1] Source 3 https://example.com/" in shown.lines
    assert sum(line.startswith("✓ Step 4 succeeded") for line in shown.lines) == 1
    end = r"✓ completed \(stop\) · 60 tokens · \d+ tokens/s · offset \d+ · \d\.\d s · 0 reconnects"
    assert re.fullmatch(end, shown.lines[-1])
    assert not any("running" in line or "connecting" in line for line in shown.lines)
    assert shown.raw.rindex("\x1b[?25h") > shown.raw.rindex("\x1b[?25l")


async def test_a_long_answer_is_whole_in_the_end(service: Service) -> None:
    extra = '{"tokens": 3000, "rate": 2000, "pattern": "count"}'
    async with terminal(service.address, "start", "why?", "--extra", extra) as shown:
        await shown.until("⋮")
        assert await shown.ended() == 0
    assert len(shown.lines) > 100
    assert " ".join(shown.lines[1:]).split()[:3000] == [str(number) for number in range(3000)]
    assert not any(line.startswith("⋮") for line in shown.lines)


async def test_frames_come_by_time_and_not_by_event(service: Service) -> None:
    extra = '{"tokens": 20000, "rate": 0, "pattern": "count"}'
    async with terminal(service.address, "start", "why?", "--extra", extra) as shown:
        assert await shown.ended() == 0
    seconds = re.findall(r"offset \d+ · (\d+\.\d) s", shown.text)
    frames = shown.raw.count("\x1b[?2026h")
    assert frames <= 12 * (float(seconds[-1]) + 5)


@pytest.mark.parametrize("way", ["--plain", "--json", "dumb"])
async def test_a_terminal_may_have_the_text_only(way: str, service: Service) -> None:
    extra = ("--extra", '{"tokens": 5, "rate": 0, "pattern": "count"}')
    words = () if way == "dumb" else (way,)
    environment = {"TERM": "dumb"} if way == "dumb" else {}
    async with terminal(service.address, "start", "why?", *words, *extra, **environment) as shown:
        assert await shown.ended() == 0
    assert "\x1b" not in shown.raw
    assert ('"textDelta"' in shown.text) if way == "--json" else ("0 1 2 3 4 \n" in shown.text)


@pytest.mark.parametrize("way", ["live", "--plain"])
async def test_ctrl_c_stops_following_and_the_job_goes_on(way: str, service: Service, client: Client) -> None:
    words = () if way == "live" else (way,)
    async with terminal(service.address, "start", "why?", *words, "--extra", ENDLESS) as shown:
        await shown.until("over morning")
        shown.press(CTRL_C)
        await shown.until("stopped following; press Ctrl-C again within 2 s to cancel the job")
        assert await shown.ended() == 130
    job_id = job_in(shown.text)
    found = re.search(rf"the job goes on.*\n +streamsvc follow {job_id} --after (\d+) --epoch (\S+)\n", shown.text)
    assert found is not None, shown.text
    assert "^C" not in shown.text
    assert (await client.state(job_id)).job.status == job_pb2.JOB_STATUS_RUNNING
    # The words that it gave are good: they lead to what was not there yet, and to nothing else.
    on = ("follow", job_id, "--json", "--after", found[1], "--epoch", found[2])
    async with terminal(service.address, *on) as again:
        await again.until('"textDelta"')
    assert f'{{"event": {{"offset": {int(found[1]) + 1}, ' in again.text.partition("\n")[0]


async def test_a_second_ctrl_c_cancels_the_job(service: Service, client: Client) -> None:
    async with terminal(service.address, "start", "why?", "--extra", ENDLESS) as shown:
        await shown.until("over morning")
        shown.press(CTRL_C)
        await shown.until("press Ctrl-C again within 2 s")
        shown.press(CTRL_C)
        assert await shown.ended() == 130
    job_id = job_in(shown.text)
    assert f"cancelled the job; `streamsvc state {job_id}` shows what it said" in shown.text
    assert (await ended(client, job_id)).status == job_pb2.JOB_STATUS_CANCELLED


async def test_whoever_leaves_keeps_what_was_said(service: Service) -> None:
    async with terminal(service.address, "start", "why?", "--extra", ENDLESS) as shown:
        await shown.until("over morning")
        shown.press(CTRL_C)
        assert await shown.ended() == 130
    assert shown.lines[1].startswith("to of over an an over morning")
    status = next(number for number, line in enumerate(shown.lines) if line.startswith("● running"))
    assert shown.lines[status + 1].startswith("streamsvc: stopped following")


async def test_a_job_is_followed_from_another_terminal_with_its_question(service: Service, client: Client) -> None:
    job = await client.start("Why is the sky blue?")
    await ended(client, job.id)
    async with terminal(service.address, "follow", job.id) as shown:
        assert await shown.ended() == 0
    assert "> Why is the sky blue?" in shown.text
    assert "✓ completed (stop)" in shown.text


async def test_the_list_is_a_table(service: Service, client: Client) -> None:
    job = await client.start("why?", labels={"a": "b"})
    await ended(client, job.id)
    async with terminal(service.address, "list") as shown:
        assert await shown.ended() == 0
    head, row = shown.text.splitlines()
    assert head.split() == ["ID", "STATUS", "AGE", "PRODUCER/MODEL", "TITLE"]
    assert row.split()[:2] == [job.id, "completed"]


async def test_an_empty_list_says_so(service: Service) -> None:
    async with terminal(service.address, "list") as shown:
        assert await shown.ended() == 0
    assert shown.text == "streamsvc: there are no jobs\n"


async def test_ctrl_c_ends_a_watch_and_says_how_to_go_on(service: Service) -> None:
    async with terminal(service.address, "watch") as shown:
        await shown.until("caught up")
        shown.press(CTRL_C)
        assert await shown.ended() == 130
    assert re.search(r"stopped watching; go on with: streamsvc watch --token \S+\n$", shown.text)


async def test_nothing_to_ask_shows_how(service: Service) -> None:
    async with terminal(service.address, "start") as shown:
        assert await shown.ended() == 2
    assert 'streamsvc start "Why is the sky blue?"' in shown.text.replace("\n", "")


async def test_keys_are_echoed_again_after_the_end(service: Service) -> None:
    async with terminal(service.address, "start", "why?", "--extra", ENDLESS) as shown:
        await shown.until("over morning")
        assert not shown.echoes
        shown.press(CTRL_C)
        await shown.until("the job goes on")
        await shown.until(lambda _: shown.echoes)
        assert await shown.ended() == 130
