"""The events of an AG-UI agent as it sends them over HTTP: server-sent events, also those of agents before 1.0."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any

from ag_ui import core
from pydantic import TypeAdapter

_EVENT: TypeAdapter[Any] = TypeAdapter(core.Event)
_KNOWN = frozenset(kind.value for kind in core.EventType)


async def events_of(lines: AsyncIterable[str]) -> AsyncGenerator[core.BaseEvent, None]:
    """Yield the events in the lines of a response.

        async with http.stream("POST", url, content=run.model_dump_json(by_alias=True), headers=JSON) as response:
            async for event in events_of(response.aiter_lines()):
                ...

    Events of types that are not known are left out. Raises ValueError for what is no event.
    """
    data: list[str] = []
    thoughts = 0
    async for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            said, data = json.loads("\n".join(data)), []
            thoughts += said["type"] == "THINKING_TEXT_MESSAGE_START"
            if (event := _of_1_0(said, f"thinking-{thoughts}"))["type"] in _KNOWN:
                yield _EVENT.validate_python(event)


def _of_1_0(said: dict[str, Any], thought: str) -> dict[str, Any]:
    """Return an event as AG-UI 1.0 says it: reasoning was called thinking, and its messages had no ids."""
    if not said["type"].startswith("THINKING_TEXT_MESSAGE_"):
        return said
    kind = said["type"].replace("THINKING_TEXT_MESSAGE_", "REASONING_MESSAGE_")
    more = {"role": "reasoning"} if kind.endswith("START") else {}
    return {**said, "type": kind, "messageId": thought, **more}
