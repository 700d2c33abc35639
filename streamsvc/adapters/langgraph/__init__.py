"""LangGraph and LangChain: the run of a graph becomes an answer to publish (docs/frameworks/langgraph.md)."""

from streamsvc.adapters.langgraph.run import answer as answer
from streamsvc.adapters.langgraph.run import handler as handler
