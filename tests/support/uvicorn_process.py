"""Web applications of the examples, each served by uvicorn as a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from tests.support.redis_process import HOST, free_port
from tests.support.service import LIMIT, clean_environment

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def served(app: str, folder: Path, *, port: int | None = None, **environment: str) -> AsyncIterator[str]:
    """Serve `app` (MODULE:NAME) of a folder, and return its HOST:PORT once it answers."""
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "--app-dir", str(folder), "--host", HOST, "--port", str(port), app),
        cwd=ROOT,
        env={**clean_environment(), **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(LIMIT), httpx2.AsyncClient(timeout=LIMIT) as client:
            while True:
                try:
                    await client.get(f"http://{HOST}:{port}/openapi.json")
                    break
                except httpx2.TransportError:
                    assert process.returncode is None, f"{app} has ended"
                    await asyncio.sleep(0.02)
        yield f"{HOST}:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
