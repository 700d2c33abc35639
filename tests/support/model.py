"""The real local model for tests: one process on a free port, started by tools/local_model.py."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import IO

TOOL = Path(__file__).resolve().parents[2] / "tools" / "local_model.py"
MODEL = "smollm2"
"""The name under which it answers."""
_READY = "model ready at "
_STOP_SECONDS = 10.0


@contextmanager
def local_model(*, limit: float = 120.0) -> Iterator[str]:
    """Run the model, and yield the base URL of its OpenAI-compatible API. It takes seconds: use one for all tests.

    Raises RuntimeError with the tool's own words if there is no model, or if it is not ready after `limit` seconds; and
    if it does not stop when it is told to.
    """
    command = [sys.executable, str(TOOL), "--port", str(_free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = _line(process.stdout, limit)
            if not line.startswith(_READY):
                process.kill()
                reason = process.communicate()[1].strip() or f"nothing was said for {limit:g} s"
                raise RuntimeError(f"there is no local model: {reason}")
            yield line.removeprefix(_READY).strip()
        finally:
            _stop(process)


def _line(stream: IO[str], limit: float) -> str:
    """Return the next line; an empty one if none comes in time."""
    with DefaultSelector() as selector:
        selector.register(stream, EVENT_READ)
        return stream.readline() if selector.select(limit) else ""


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise RuntimeError("the local model did not stop, and was killed") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
