"""Pydantic AI's own hello world: the agent answers on the terminal, until it asks."""

import asyncio

from journey import agent
from pydantic_ai import PartDeltaEvent, TextPartDelta


async def main() -> None:
    async with agent.run_stream_events("I want to go to Rome for two nights.") as events:
        async for event in events:
            if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                print(event.delta.content_delta, end="", flush=True)  # noqa: T201


asyncio.run(main())
