"""A redis-server as a process of its own, for tests: on a free port, in its own directory, ended by its pid."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from socket import create_server
from typing import Any

import redis
import redis.asyncio

from streamsvc.store.redis.uri import RedisServers, parse

HOST = "127.0.0.1"
LIMIT = 15.0
"""How long, in seconds, servers may take for what they must do."""


class RedisServer:
    """One redis-server: where it is, and what may be done to it. It runs while its `with` block lasts.

    `lines` are lines of its configuration, as "appendonly yes". With `tls` it speaks nothing else; `ca_file` is to be
    trusted. With `username` and `password` that user alone may do anything, with `password` alone the default user.
    """

    def __init__(
        self, *lines: str, username: str = "", password: str = "", tls: bool = False, sentinel: bool = False
    ) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="streamsvc-redis-")
        self.directory = Path(self._home.name)
        self.port = free_port()
        self.ca_file = str(self.directory / "cert.pem") if tls else ""
        self._username, self._password, self._sentinel = username, password, sentinel
        self._process: subprocess.Popen[bytes] | None = None
        if tls:
            make_certificate(self.directory)
        own = [f"port {self.port}"] if sentinel else self._configuration()
        (self.directory / "redis.conf").write_text("\n".join([*own, f"bind {HOST}", *lines, ""]))

    def __enter__(self) -> RedisServer:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._home.cleanup()

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{HOST}:{self.port}"

    @property
    def uri(self) -> str:
        """Where it is, and how to sign in."""
        credentials = f"{self._username}:{self._password}@" if self._password else ""
        return f"redis{'s' if self.ca_file else ''}://{credentials}{self.address}"

    @property
    def servers(self) -> RedisServers:
        """The same as the store wants it."""
        return replace(parse(self.uri), ca_file=self.ca_file)

    @property
    def running(self) -> bool:
        """Whether it was started and not ended since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process, while there is one."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written since it was started."""
        return (self.directory / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start it, on the port and over the data that it had before, and wait until it takes commands."""
        assert self._process is None, "it runs"
        command = [program("redis-server"), "redis.conf", *(["--sentinel"] if self._sentinel else [])]
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=subprocess.STDOUT)
        wait_for(self._is_up, f"the start of redis-server at {self.address}")

    def stop(self) -> None:
        """Ask it to shut down, as an operator does, and wait for its end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, in whatever state it is. Nothing happens if it has ended."""
        if self._process is not None:
            self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the process: its connections stay open, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def client(self, **options: Any) -> redis.asyncio.Redis:
        """Return a client that may do anything. Replies are bytes. The caller closes it."""
        return redis.asyncio.Redis(**self._login(), **options)

    def command(self, *words: str | int) -> Any:
        """Run one command at once, and return its reply as redis-py has it, as text. Raises redis.RedisError."""
        with closing(redis.Redis(**self._login(), decode_responses=True)) as client:
            return client.execute_command(*words)  # type: ignore[no-untyped-call]

    def _configuration(self) -> list[str]:
        lines = ['save ""', "appendfsync always", "repl-diskless-sync-delay 0"]
        if self.ca_file:
            lines += ["port 0", f"tls-port {self.port}", "tls-auth-clients optional", "tls-ca-cert-file cert.pem"]
            lines += ["tls-cert-file cert.pem", "tls-key-file key.pem"]
        else:
            lines += [f"port {self.port}"]
        if self._username:
            lines += ["user default off", f"user {self._username} on >{self._password} ~* &* +@all"]
        elif self._password:
            lines += [f"requirepass {self._password}", f"masterauth {self._password}"]
        return lines

    def _login(self) -> dict[str, Any]:
        trust = {"ssl": True, "ssl_ca_certs": self.ca_file} if self.ca_file else {}
        return {"host": HOST, "port": self.port, "username": self._username, "password": self._password, **trust}

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            self._process = None
            raise AssertionError(f"redis-server ended: {self.log}")
        return ("+monitor" if self._sentinel else "Ready to accept connections") in self.log

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        assert process is not None, "it does not run"
        with process:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until `condition` holds; a server that does not answer is waited for. Fails after the limit."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        with suppress(redis.RedisError, OSError):
            if condition():
                return
        time.sleep(0.005)
    raise AssertionError(f"not within {LIMIT:g} s: {what}")


@cache
def _ports() -> Iterator[int]:
    # Below those that the system gives to outgoing connections, and at random, for others choose as well. Where several
    # processes run tests, each has ports of its own: one is free until it is used, and not only until it was looked at.
    # So is the port after it: an instance that is told one port alone listens on both.
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = range(12_000 + 2 * number, 32_000, 2 * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    return cycle(random.sample(own, len(own)))


def free_port() -> int:
    """Return a port that nobody listens on, nor on the next one; not the same again for thousands of calls."""
    for port in islice(_ports(), 100):
        with suppress(OSError), create_server((HOST, port)), create_server((HOST, port + 1)):
            return port
    raise AssertionError("no free port")


def make_certificate(directory: Path) -> None:
    """Write cert.pem and key.pem for this machine's own address; cert.pem is its own authority."""
    names = ["-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,IP:{HOST}"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem"]
    command = [program("openssl"), "req", "-x509", *key, "-out", "cert.pem", "-days", "2", *names]
    subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=LIMIT)


def program(name: str) -> str:
    """Return where a program is. Raises RuntimeError, with what to install, if it is not there."""
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(f"{name} is missing: run `make tools`, or apt-get install redis-server openssl faketime")
    return path
