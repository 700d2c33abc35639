"""The same agent as a worker of streamsvc: it may be killed and started again at any time."""

import asyncio
import os

from journey import PLACE, agent

from streamsvc.adapters.keeping import Folder
from streamsvc.adapters.pydantic_ai import handler
from streamsvc.client import work


async def main() -> None:
    targets = os.environ.get("STREAMSVC_TARGETS", "127.0.0.1:50052")
    await work("agent", handler(agent, keeping=Folder(PLACE / "runs")), *targets.split(","))


asyncio.run(main())
