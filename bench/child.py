"""The parent's end of a worker process: asks it, and looks at its memory from outside."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Child:
    """Runs the worker `module`, and ends it with the `with` block.

    with Child("bench.server") as server:
        port = server.ask("listen", flush_ms=10)
    """

    def __init__(self, module: str) -> None:
        command = [sys.executable, "-m", module]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._module = module
        self._heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        stdout.close()

    def ask(self, name: str, /, **arguments: Any) -> Any:
        """Have a command done, and return its answer."""
        self.tell(name, **arguments)
        return self.hear()

    def tell(self, name: str, /, **arguments: Any) -> None:
        """Have a command begun; `hear` returns its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, arguments]).encode() + b"\n")

    def hear(self, seconds: float = 60.0) -> Any:
        """Wait for the answer to the oldest command that was told."""
        assert self._process.stdout is not None
        end = time.monotonic() + seconds
        while b"\n" not in self._heard:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError(f"{self._module} did not answer within {seconds:g} s")
            piece = os.read(self._process.stdout.fileno(), 65536)
            if not piece:
                raise RuntimeError(f"{self._module} ended; see its error above")
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    @property
    def rss(self) -> int:
        """Resident bytes of the process now."""
        return self._status("VmRSS")

    @property
    def peak_rss(self) -> int:
        """Most resident bytes that the process ever had, or had since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Have the peak counted anew."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
