"""The parts of a stack, each as a process of its own: a real model, Redis, the service, Envoy."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tools.envoy import Edge
from tools.processes import CACHE, running, says, says_ok

MODEL_PORT = 8099
BIN = Path(sys.executable).parent


@asynccontextmanager
async def model(port: int = MODEL_PORT) -> AsyncIterator[str]:
    """Run the local model and yield its base URL. One that answers on `port` already is used, and left alone."""
    url = f"http://127.0.0.1:{port}/v1"
    # Its port opens before it has loaded.
    ready = partial(says_ok, port, "/health")
    if await ready():
        yield url
        return
    script = Path(__file__).with_name("local_model.py")
    async with running("local-model", [sys.executable, str(script), "--port", str(port)], ready):
        yield url


@asynccontextmanager
async def redis(port: int, data: Path = CACHE / "redis") -> AsyncIterator[str]:
    """Run Redis with an append-only file in the folder `data`, and yield its URI."""
    keeping = ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", _made(data), *keeping]
    async with running("redis", command, partial(says, port, b"PING\r\n", b"PONG")):
        yield f"redis://127.0.0.1:{port}"


@asynccontextmanager
async def service(listen: str, model_url: str, store: str = "memory", name: str = "service") -> AsyncIterator[str]:
    """Run the service with the model as its default producer, and yield its address. `name` is its log's."""
    upstreams = {"local": {"kind": "openai_chat", "base_url": model_url, "default_model": "smollm2"}}
    environment = {"STREAMSVC_UPSTREAMS": json.dumps(upstreams)}
    command = [sys.executable, "-m", "streamsvc", "serve", "--listen", listen, "--store", store]
    async with running(name, [*command, "--drain-jobs-grace", "2s"], partial(_serving, listen), environment):
        yield listen


@asynccontextmanager
async def edge(settings: Edge, folder: Path = CACHE / "envoy", workers: int = 1) -> AsyncIterator[Sequence[str]]:
    """Run Envoy, and yield its two URLs. The certificate in `folder` is kept."""
    path = settings.write(folder)
    command = [str(BIN / "envoy"), "--config-path", str(path), "--concurrency", str(workers), "--use-dynamic-base-id"]
    async with running("envoy", command, partial(says_ok, settings.admin_port, "/ready")):
        yield f"http://localhost:{settings.http_port}", f"https://localhost:{settings.https_port}"


@asynccontextmanager
async def pages(port: int, *options: str) -> AsyncIterator[str]:
    """Serve the built chat page, with these options of `tools.pages`, and yield its address."""
    command = [sys.executable, "-m", "tools.pages", "--port", str(port), *options]
    async with running("pages", command, partial(says_ok, port, "/")):
        yield f"127.0.0.1:{port}"


def _made(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


async def _serving(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        try:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
