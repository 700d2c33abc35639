"""Pydantic AI: a run of its agents becomes an answer to publish (docs/frameworks/pydantic-ai.md)."""

from streamsvc.adapters.pydantic_ai.input import input_of as input_of
from streamsvc.adapters.pydantic_ai.run import answer as answer
from streamsvc.adapters.pydantic_ai.run import handler as handler
