"""A real model and the service over it, as processes of their own: for the demo and for playing."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

ROOT = Path(__file__).resolve().parent.parent
MODEL_PORT = 8099
START_SECONDS = 120
STOP_SECONDS = 10


class NotStarted(Exception):
    """A part of the stack did not come up; the message says which, and where to look."""


@asynccontextmanager
async def model(port: int = MODEL_PORT) -> AsyncIterator[str]:
    """Run the local model and yield its base URL. One that answers on `port` already is used, and left alone."""
    url = f"http://127.0.0.1:{port}/v1"
    if await _ready(port):
        yield url
        return
    command = [sys.executable, str(ROOT / "tools" / "local_model.py"), "--port", str(port)]
    async with _process(command, "local-model", dict(os.environ)) as process:
        async with asyncio.timeout(START_SECONDS):
            while not await _ready(port):
                await _still_running(process, "the model", "local-model")
        yield url


@asynccontextmanager
async def service(listen: str, model_url: str) -> AsyncIterator[str]:
    """Run the service with the model as its default producer, and yield its address."""
    upstreams = {"local": {"kind": "openai_chat", "base_url": model_url, "default_model": "smollm2"}}
    environment = {**os.environ, "STREAMSVC_UPSTREAMS": json.dumps(upstreams)}
    command = [sys.executable, "-m", "streamsvc", "serve", "--listen", listen, "--drain-jobs-grace", "2s"]
    async with _process(command, "service", environment) as process:
        async with asyncio.timeout(START_SECONDS):
            while not await _serving(listen):
                await _still_running(process, "the service", "service")
        yield listen


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _process(command: list[str], name: str, environment: dict[str, str]) -> AsyncIterator[Process]:
    log = _log(name)
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        try:
            yield process
        finally:
            await _stop(process)


async def _stop(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _still_running(process: Process, what: str, name: str) -> None:
    if process.returncode is not None:
        raise NotStarted(f"{what} ended with exit code {process.returncode}; its log is {_log(name)}")
    await asyncio.sleep(0.1)


def _log(name: str) -> Path:
    return ROOT / ".cache" / f"{name}.log"


async def _ready(port: int) -> bool:
    """Tell whether a model is ready there: its port opens before it has loaded."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    try:
        async with asyncio.timeout(5):
            status = await reader.readline()
    except (TimeoutError, OSError):
        return False
    finally:
        writer.close()
    return b" 200 " in status


async def _serving(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        try:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
