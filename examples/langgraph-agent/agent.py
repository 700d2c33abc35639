"""The same agent as a worker of streamsvc: it may be killed and started again at any time."""

import asyncio
import os

from garden import graph

from streamsvc.adapters.langgraph import handler
from streamsvc.client import work


async def main() -> None:
    targets = os.environ.get("STREAMSVC_TARGETS", "127.0.0.1:50052")
    await work("agent", handler(graph), *targets.split(","))


asyncio.run(main())
