"""LangGraph's own hello world: the agent answers on the terminal, until it asks."""

import asyncio

from garden import graph


async def main() -> None:
    given = {"messages": [("user", "The beans look thirsty.")]}
    config = {"configurable": {"thread_id": "hello"}}
    async for message, _ in graph.astream(given, config, stream_mode="messages"):
        print(message.content, end="", flush=True)  # noqa: T201


asyncio.run(main())
