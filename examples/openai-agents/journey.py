"""An agent of the OpenAI Agents SDK with two tools: it looks at the weather, and books a room if a person agrees."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

from agents import Agent, function_tool, set_tracing_disabled
from local import Local

PLACE = Path(os.environ.get("JOURNEY", "."))
"""Where the list of what was booked is, and runs that wait for people."""

set_tracing_disabled(True)


class City(Enum):
    """Where one may go."""

    ROME = "Rome"
    OSLO = "Oslo"


class Nights(Enum):
    """How long one may stay."""

    TWO = 2
    SEVEN = 7


@function_tool
def weather(city: City) -> str:
    """Tell the weather of a city."""
    return f"{city.value}: {'sunny' if city is City.ROME else 'snow'}."


@function_tool(needs_approval=True)
def book(city: City, nights: Nights) -> str:
    """Book a room."""
    with (PLACE / "booked.txt").open("a") as booked:
        booked.write(f"{city.value} {nights.value}\n")
    return f"A room in {city.value} for {nights.value} nights is booked."


agent = Agent(name="Journeys", model=Local(tokens=40), tools=[weather, book])
