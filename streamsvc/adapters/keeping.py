"""Where a run that waits for people is kept until they have answered: a place of the application's own, not the log."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Protocol


class Keeping(Protocol):
    """Keeps runs that wait for people, each under the id of the job that asked.

    A kept run holds all of the conversation: instructions, and what tools were given and gave. Readers of a job never
    get it. Whoever can change it decides what tools are run, so keep it where only the application writes, and as long
    as questions may be answered: the service forgets a job when its retention is over.
    """

    async def save(self, job_id: str, run: str) -> None:
        """Keep a run, in the place of an earlier one of this job. It is safe when this returns."""

    async def load(self, job_id: str) -> str | None:
        """Return the run of a job; None if there is none.

        A run may be asked for again: the process that goes on with it may die, and another one begins there again.
        """


class Folder:
    """Keeps each run in a file that only this user may read: for the processes of one machine."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    async def save(self, job_id: str, run: str) -> None:
        """See `Keeping.save`."""
        await asyncio.to_thread(self._write, self._file(job_id), run)

    async def load(self, job_id: str) -> str | None:
        """See `Keeping.load`."""
        return await asyncio.to_thread(_read, self._file(job_id))

    def _file(self, job_id: str) -> Path:
        if not job_id.isalnum():
            raise ValueError("not the id of a job")
        return self._path / f"{job_id}.json"

    def _write(self, file: Path, run: str) -> None:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
            opened.write(run)
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
