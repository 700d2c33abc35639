"""An agent of Pydantic AI with two tools: it looks at the weather, and books a room if a person agrees."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from local import model
from pydantic_ai import Agent, DeferredToolRequests

PLACE = Path(os.environ.get("JOURNEY", "."))
"""Where the list of what was booked is, and runs that wait for people."""

City = Literal["Rome", "Oslo"]

agent = Agent(model, name="Journeys", output_type=[str, DeferredToolRequests])


@agent.tool_plain
def weather(city: City) -> str:
    """Tell the weather of a city."""
    return f"{city}: {'sunny' if city == 'Rome' else 'snow'}."


@agent.tool_plain(requires_approval=True)
def book(city: City, nights: Literal[2, 7]) -> str:
    """Book a room."""
    with (PLACE / "booked.txt").open("a") as booked:
        booked.write(f"{city} {nights}\n")
    return f"A room in {city} for {nights} nights is booked."
