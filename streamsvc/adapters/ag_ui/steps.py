"""The steps of an AG-UI run: they have names, which may come again, and a job's steps have ids."""

from __future__ import annotations

from collections import Counter
from typing import Any

from streamsvc.adapters.saying import Saying


class Steps:
    """Tells of steps and subagents in `saying`. A subagent is a step, and has steps of its own."""

    def __init__(self, saying: Saying) -> None:
        self._saying = saying
        self._times: Counter[tuple[str, str]] = Counter()
        self._open: dict[str, list[tuple[str, str]]] = {}

    def of(self, event: Any) -> str:
        """Return the step that an event belongs to: the innermost of its agent."""
        agent = event.subagent_run_id or ""
        within = self._open.get(agent)
        return within[-1][1] if within else agent

    def begin(self, name: str, agent: str) -> None:
        """Begin a step of an agent. The second of a name in a run has a number."""
        self._times[(agent, name)] += 1
        number = self._times[(agent, name)]
        step_id = "/".join(filter(None, (agent, name if number == 1 else f"{name} {number}")))
        within = self._open.setdefault(agent, [])
        self._saying.step(step_id, "step", name, parent=within[-1][1] if within else agent)
        within.append((name, step_id))

    def end(self, name: str, agent: str) -> None:
        """End the newest step of that name."""
        within = self._open.get(agent, [])
        found = next((step for step in reversed(within) if step[0] == name), None)
        if found is not None:
            within.remove(found)
            self._saying.step_ended(found[1])

    def agent(self, agent: str, name: str, parent: str) -> None:
        """Begin the step that a subagent is."""
        within = self._open.get(parent)
        self._saying.step(agent, "agent", name, parent=within[-1][1] if within else parent, agent=name)
