"""The example needs few lines of its own."""

from __future__ import annotations

import difflib

from tests.support.langgraph_worker import EXAMPLE

MOST_LINES = 15
"""How many lines an agent may need beyond the framework's own hello world."""


def test_the_agent_needs_few_lines_beyond_the_hello_world_of_langgraph() -> None:
    hello, ours = ((EXAMPLE / name).read_text().splitlines() for name in ("hello.py", "agent.py"))
    added = [line for line in difflib.ndiff(hello, ours) if line.startswith("+ ") and line[2:].strip()]
    assert 0 < len(added) <= MOST_LINES, added
