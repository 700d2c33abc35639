"""The OpenAI Agents SDK's own hello world: the agent answers on the terminal, until it asks."""

import asyncio

from agents import Runner
from journey import agent


async def main() -> None:
    result = Runner.run_streamed(agent, "I want to go to Rome for two nights.")
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            print(event.data.delta, end="", flush=True)  # noqa: T201


asyncio.run(main())
