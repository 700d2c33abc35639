"""The OpenAI Agents SDK: a run of its agents becomes an answer to publish (docs/frameworks/openai-agents.md)."""

from streamsvc.adapters.openai_agents.input import input_of as input_of
from streamsvc.adapters.openai_agents.run import answer as answer
from streamsvc.adapters.openai_agents.run import handler as handler
