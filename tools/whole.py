"""`make stack`: what docker-compose.yml starts, without Docker; a model, Redis, two instances, Envoy, until Ctrl-C."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.envoy import Edge
from tools.pages import BUILT
from tools.processes import CACHE, NotStarted
from tools.stack import MODEL_PORT, edge, model, pages, redis, service

MODELS = Path(__file__).with_name("models.json")
"""Who may be asked in the page."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where on 127.0.0.1 the parts listen. Redis is not where one of the machine's own may be."""

    model: int = MODEL_PORT
    redis: int = 6390
    services: tuple[int, ...] = (50051, 50061)
    http: int = 8080
    https: int = 8443
    admin: int = 9901
    pages: int = 5180


@asynccontextmanager
async def whole(ports: Ports, folder: Path = CACHE) -> AsyncIterator[str]:
    """Run all parts, with their data in `folder`, and yield what to tell the person who wants to use them."""
    async with AsyncExitStack() as parts:
        model_url = await parts.enter_async_context(model(ports.model))
        store = await parts.enter_async_context(redis(ports.redis, folder / "redis"))
        instances = [
            await parts.enter_async_context(service(f"127.0.0.1:{port}", model_url, store, f"service-{number}"))
            for number, port in enumerate(ports.services, 1)
        ]
        served = pages(ports.pages, "--models", str(MODELS))
        page = [await parts.enter_async_context(served)] if BUILT.exists() else []
        settings = Edge(instances, http_port=ports.http, https_port=ports.https, admin_port=ports.admin, pages=page)
        http, https = await parts.enter_async_context(edge(settings, folder / "envoy"))
        yield (
            f"model      {model_url}\n"
            f"redis      {store}, its data in {folder / 'redis'}\n"
            f"service    {' and '.join(instances)}\n"
            f"envoy      {http} and {https}, its certificate is {folder / 'envoy' / 'cert.pem'}\n"
            f"           http://127.0.0.1:{ports.admin} (what it is doing)\n"
            f"{f'page       {https} (HTTP/2) and {http} (tabs share one connection)' if page else ''}\n\n"
            f'try:  curl {http}/v1/jobs -d \'{{"prompt": "Why is the sky blue?"}}\'\n'
            f'      .venv/bin/streamsvc start "Why is the sky blue?" --target 127.0.0.1:{ports.http}'
        )


async def main() -> int:
    """Run until Ctrl-C, which also ends what has only begun to start."""
    if shutil.which("redis-server") is None:
        print("redis-server is missing: run `make tools`", file=sys.stderr)
        return 1
    running = asyncio.create_task(_run())
    interrupted = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, interrupted.set)
    await asyncio.wait({running, waiting := asyncio.create_task(interrupted.wait())}, return_when=FIRST_COMPLETED)
    waiting.cancel()
    # Once, however often Ctrl-C is pressed: all that was started has to end.
    running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        return 0
    except (NotStarted, TimeoutError) as failed:
        print(f"not started: {failed or 'it took too long'}", file=sys.stderr)
    return 1


async def _run() -> None:
    print("starting the model (a few seconds), Redis, two instances and Envoy ...", flush=True)
    async with whole(Ports()) as told:
        print(f"{told}\n\nCtrl-C stops all of them", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
