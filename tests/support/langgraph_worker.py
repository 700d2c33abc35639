"""The workers of graphs as processes of their own, to be killed and started again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.outside_process import ROOT, Outside
from tests.support.service import clean_environment

EXAMPLE = ROOT / "examples" / "langgraph-agent"


@asynccontextmanager
async def worker(*words: str, **environment: str) -> AsyncIterator[Outside]:
    """Run Python with these words, beside the example's own modules."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words),
        cwd=ROOT,
        env={**clean_environment(), "PYTHONPATH": f"{ROOT}:{EXAMPLE}", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    outside = Outside(process)
    try:
        yield outside
    except BaseException as failed:
        failed.add_note(f"the worker wrote:\n{outside.errors[-2000:]}")
        raise
    finally:
        await outside.kill()
