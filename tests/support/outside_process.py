"""Publishers and workers as processes of their own, to be killed, frozen and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.counting import counting
from tests.support.fleet import Instance
from tests.support.outside import AGENT
from tests.support.service import LIMIT, clean_environment

ROOT = Path(__file__).resolve().parent.parent.parent

WORKERS = {"STREAMSVC_UPSTREAMS": '{"agent": {"kind": "worker"}}'}
"""The environment of instances that know the producer `agent`."""


class Outside:
    """One such process. `lines` are what it wrote to standard output, `errors` what it wrote beside that."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []
        self.errors = ""
        self._said = asyncio.Event()
        self._listening = asyncio.gather(self._listen(), self._listen_to_errors())

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def said(self, word: str) -> str:
        """Wait for a line that begins with this word, and return the next word. Fails if it ends before."""
        async with asyncio.timeout(LIMIT):
            while True:
                self._said.clear()
                for line in self.lines:
                    if line.startswith(word):
                        return line.split()[1]
                assert not self._listening.done(), f"it ended without {word!r}:\n{self.errors}"
                await self._said.wait()

    def freeze(self) -> None:
        """Stop it (SIGSTOP)."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    async def kill(self) -> None:
        """End it at once (SIGKILL), in whatever state it is."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self.ended()

    async def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        async with asyncio.timeout(LIMIT):
            code = await self._process.wait()
            await self._listening
        return code

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(line.decode().rstrip())
            self._said.set()
        self._said.set()

    async def _listen_to_errors(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.errors += line.decode(errors="replace")
        self._said.set()


def for_workers(tokens: int, rate: float) -> pb.StartGenerationRequest:
    """Return a request to a worker to count so far."""
    request = counting(tokens, rate)
    request.producer = AGENT
    return request


def internal(*instances: Instance) -> str:
    """Return where instances listen for processes that write jobs, as one word."""
    return ",".join(instance.internal_address for instance in instances)


@asynccontextmanager
async def publisher(
    targets: str, request_id: str, tokens: int, rate: float, conversation: str = ""
) -> AsyncIterator[Outside]:
    """Run a process that publishes a count, in a conversation if one is named."""
    async with _counting("publish", targets, request_id, str(tokens), str(rate), conversation) as outside:
        yield outside


@asynccontextmanager
async def worker(targets: str) -> AsyncIterator[Outside]:
    """Run a process that answers jobs of `agent`."""
    async with _counting("work", targets) as outside:
        yield outside


@asynccontextmanager
async def python(*words: str, environment: Mapping[str, str], cwd: Path = ROOT) -> AsyncIterator[Outside]:
    """Run Python with these words in a folder, with this in its environment; it is killed with the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words),
        cwd=cwd,
        env={**clean_environment(), **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    outside = Outside(process)
    try:
        yield outside
    except BaseException as failed:
        failed.add_note(f"the process outside wrote:\n{outside.lines[-5:]}\n{outside.errors[-2000:]}")
        raise
    finally:
        await outside.kill()


def _counting(*words: str) -> AbstractAsyncContextManager[Outside]:
    return python("-m", "tests.support.outside_main", *words, environment={"PYTHONPATH": os.fspath(ROOT)})
