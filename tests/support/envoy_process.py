"""Envoy as a process of its own, for tests: on free ports, with the configuration that it has everywhere."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import httpx2

from tests.support.redis_process import HOST, free_port
from tests.support.service import LIMIT
from tools.envoy import Edge
from tools.processes import says_ok

PROGRAM = str(Path(sys.executable).with_name("envoy"))
PAGE = "https://chat.example.com"
"""Where the pages come from that may call it."""


class EnvoyProcess:
    """Envoy before `instances` and `pages` (HOST:PORT each). It runs while its `async with` block lasts.

    `stream_idle_timeout` is in seconds. Ports and certificate stay the same, however often it is started again.
    """

    def __init__(self, instances: Sequence[str], *, stream_idle_timeout: float, pages: Sequence[str] = ()) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="streamsvc-envoy-")
        self._directory = Path(self._home.name)
        http_port, https_port = free_port(), free_port()
        self.address = f"{HOST}:{http_port}"
        self.url = f"http://{self.address}"
        self.tls_address = f"localhost:{https_port}"
        self.tls_url = f"https://{self.tls_address}"
        self._settings = Edge(
            instances,
            http_port=http_port,
            https_port=https_port,
            admin_port=free_port(),
            origins=[PAGE, self.url, self.tls_url],
            pages=pages,
            stream_idle_timeout=stream_idle_timeout,
        )
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> EnvoyProcess:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        self._home.cleanup()

    @property
    def certificate(self) -> bytes:
        """What those who use `tls_address` must trust."""
        return (self._directory / "cert.pem").read_bytes()

    @property
    def access_log(self) -> str:
        """What it has written of calls."""
        return (self._directory / "access").read_text()

    async def unhealthy(self, count: int) -> None:
        """Wait until so many instances have failed the checks of their health."""
        async with asyncio.timeout(LIMIT), httpx2.AsyncClient(timeout=LIMIT) as client:
            while await self._failed(client) != count:  # noqa: ASYNC110 # nobody tells of it
                await asyncio.sleep(0.05)

    async def _failed(self, client: httpx2.AsyncClient) -> int:
        answer = await client.get(f"http://{HOST}:{self._settings.admin_port}/clusters")
        return answer.text.count("/failed_active_hc")

    async def start(self) -> None:
        """Start it, and wait until it takes calls."""
        command = [PROGRAM, "--config-path", str(self._settings.write(self._directory)), "--concurrency", "1"]
        alone = ["--use-dynamic-base-id", "--file-flush-interval-msec", "50"]
        access, log = self._directory / "access", self._directory / "log"
        with access.open("ab") as out, log.open("wb") as err:
            self._process = await asyncio.create_subprocess_exec(*command, *alone, stdout=out, stderr=err)
        async with asyncio.timeout(LIMIT):
            while not await says_ok(self._settings.admin_port, "/ready"):
                assert self._process.returncode is None, log.read_text()
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End it at once, with all its connections. Nothing happens if it has ended."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()
