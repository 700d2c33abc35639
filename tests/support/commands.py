"""Programs run as people run them: their output, their errors and their exit codes."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.service import LIMIT, clean_environment

BIN = Path(sys.executable).parent
STREAMSVC = str(BIN / "streamsvc")
GRPCURL = str(BIN / "grpcurl")


@dataclass(frozen=True)
class Ran:
    """How a program ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What it wrote to standard error, which must be one line."""
        assert self.err.count("\n") == 1, self.err
        return self.err.strip()


class Running:
    """A program that was started. `out` and `err` grow as it writes."""

    def __init__(self, process: asyncio.subprocess.Process, directory: tempfile.TemporaryDirectory[str]) -> None:
        self._process = process
        self._directory = directory
        self._wrote = asyncio.Event()
        self.out = ""
        self.err = ""
        self._listening = asyncio.gather(self._listen("out"), self._listen("err"))

    async def until(self, text: str) -> None:
        """Wait until it has written this to standard output or error. Fails if it ends before."""
        async with asyncio.timeout(LIMIT):
            while text not in self.out and text not in self.err:
                assert not self._listening.done(), f"it ended without {text!r}: {self.out} {self.err}"
                self._wrote.clear()
                await self._wrote.wait()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.signal(signal.SIGINT)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ended(self) -> Ran:
        """Wait for its end. One that does not end within the limit is killed, and that fails."""
        try:
            async with asyncio.timeout(LIMIT):
                code = await self._process.wait()
                await self._listening
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            raise AssertionError(f"it did not end: {self.out} {self.err}") from None
        finally:
            self._directory.cleanup()
        return Ran(code, self.out, self.err)

    async def _listen(self, name: str) -> None:
        stream = getattr(self._process, f"std{name}")
        while chunk := await stream.read(65536):
            setattr(self, name, getattr(self, name) + chunk.decode(errors="replace"))
            self._wrote.set()
        self._wrote.set()


async def start(*command: str, environment: Mapping[str, str] | None = None, file: str = "") -> Running:
    """Start a program in a directory of its own. `file` is the streamsvc.toml in it."""
    directory = tempfile.TemporaryDirectory(prefix="streamsvc-")
    if file:
        await asyncio.to_thread((Path(directory.name) / "streamsvc.toml").write_text, file)
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=directory.name,
        env={**clean_environment(), **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return Running(process, directory)


async def run(*command: str, environment: Mapping[str, str] | None = None, file: str = "") -> Ran:
    """Run a program to its end."""
    return await (await start(*command, environment=environment, file=file)).ended()
