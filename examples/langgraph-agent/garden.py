"""A LangGraph agent with two tools: it looks at the soil, and waters a bed if a person agrees."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired
from uuid import uuid4

from checkpoints import Kept
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt
from typing_extensions import TypedDict

MODEL_URL = os.environ.get("MODEL_URL", "http://127.0.0.1:8099/v1")
PLACE = Path(os.environ.get("GARDEN", "."))
"""Where the agent's memory is, and the list of what was watered."""

BEDS = ("roses", "beans", "herbs")


class Decision(TypedDict):
    """What a person may say to a call."""

    type: Literal["approve", "reject"]
    message: NotRequired[str]


@tool
async def soil(bed: str) -> dict[str, Any]:
    """Measure how wet the soil of a bed is, in percent."""
    return {"bed": bed, "moisture": {"roses": 31, "beans": 12, "herbs": 24}[bed]}


@tool
async def water(bed: str, litres: int, tool_call_id: Annotated[str, InjectedToolCallId]) -> str:
    """Water a bed, if a person agrees."""
    args = {"bed": bed, "litres": litres}
    description = f"May the {bed} get {litres} litres of water?"
    # What LangChain's HumanInTheLoopMiddleware asks for one call, and what it gets back.
    asked = {"type": "tool_approval", "tool_call_id": tool_call_id, "name": "water", "args": args}
    decision = interrupt({**asked, "description": description}, response_schema=Decision)
    if decision["type"] != "approve":
        return f"Not allowed: {decision.get('message', 'no reason given')}"
    with (PLACE / "watered.txt").open("a") as watered:
        watered.write(f"{bed} {litres}\n")
    return f"The {bed} got {litres} litres."


TOOLS = (soil, water)
ARGUMENTS: dict[str, Any] = {
    "soil": {"bed": {"enum": BEDS}},
    "water": {"bed": {"enum": BEDS}, "litres": {"enum": [2, 5]}},
}


def model(tokens: int) -> ChatOpenAI:
    """Return the local model, which is too small to call tools by itself."""
    return ChatOpenAI(
        model="smollm2",
        base_url=MODEL_URL,
        api_key="none",
        temperature=0,
        max_completion_tokens=tokens,
        stream_usage=True,
    )


async def plan(state: MessagesState) -> dict[str, Any]:
    """Say what is going to be done."""
    request = f"{state['messages'][-1].text}\nWrite a short letter that says how you will look after the garden."
    return {"messages": [await model(100).ainvoke([HumanMessage(request)])]}


async def choose(state: MessagesState) -> dict[str, Any]:
    """Let the model write the arguments of the next tool, and nothing but these."""
    used = {message.name for message in state["messages"] if isinstance(message, ToolMessage)}
    name = next(one.name for one in TOOLS if one.name not in used)
    properties = ARGUMENTS[name]
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
    request = f"{state['messages'][0].text}\nWrite the arguments of the tool `{name}` as JSON."
    # Nobody is to read this as text.
    quiet = model(40).bind(response_format=wanted).with_config(tags=["nostream"])
    written = await quiet.ainvoke([HumanMessage(request)])
    call = {"name": name, "args": json.loads(written.text), "id": f"call_{uuid4().hex}"}
    return {"messages": [AIMessage("", tool_calls=[call])]}


async def tell(state: MessagesState) -> dict[str, Any]:
    """Say what was done."""
    results = " ".join(message.text for message in state["messages"] if isinstance(message, ToolMessage))
    request = f"Write a short letter to the owner of a garden. Say what was done: {results}"
    return {"messages": [await model(100).ainvoke([HumanMessage(request)])]}


def more(state: MessagesState) -> str:
    """Return what follows the tools: they are used one after the other."""
    used = {message.name for message in state["messages"] if isinstance(message, ToolMessage)}
    return "tell" if len(used) == len(TOOLS) else "choose"


graph = (
    StateGraph(MessagesState)
    .add_node("plan", plan)
    .add_node("choose", choose)
    .add_node("tools", ToolNode(TOOLS))
    .add_node("tell", tell)
    .add_edge(START, "plan")
    .add_edge("plan", "choose")
    .add_edge("choose", "tools")
    .add_conditional_edges("tools", more, ["choose", "tell"])
    .add_edge("tell", END)
    .compile(checkpointer=Kept(PLACE / "garden.sqlite"))
)
