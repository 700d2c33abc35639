"""A Dockerfile as data, as much of it as tests ask for."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path


class Dockerfile:
    """The Dockerfile in `folder`: its instructions in order, as (name, rest); those of one `stage` if it is named."""

    def __init__(self, folder: Path, stage: str = "") -> None:
        lines = [line for line in (folder / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
        joined = "\n".join(lines).replace("\\\n", " ")
        self.instructions = [
            (name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
        ]
        if stage:
            starts = [place for place, (name, _) in enumerate(self.instructions) if name == "FROM"]
            begin = next(place for place in starts if self.instructions[place][1].endswith(f" AS {stage}"))
            end = min((place for place in starts if place > begin), default=len(self.instructions))
            self.instructions = self.instructions[begin:end]

    def all(self, name: str) -> list[str]:
        """Return what stands behind each instruction of this name."""
        return [rest for found, rest in self.instructions if found == name]

    def last(self, name: str) -> str:
        """Return what stands behind the last instruction of this name: of the final stage, if it is in there."""
        return self.all(name)[-1]

    def words(self, name: str) -> list[str]:
        """Return the words of the last instruction of this name, from its exec form."""
        found = re.search(r"\[.*\]", self.last(name))
        assert found is not None, f"{name} is not in exec form"
        words: list[str] = json.loads(found[0])
        return words

    @property
    def images(self) -> list[str]:
        """What each stage begins with."""
        return [rest.split()[0] for rest in self.all("FROM")]

    @property
    def environment(self) -> dict[str, str]:
        """All variables that are set."""
        pairs = [word.partition("=") for rest in self.all("ENV") for word in shlex.split(rest)]
        return {name: value for name, _, value in pairs}
