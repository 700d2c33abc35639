"""The scripts of the Redis store: one file each in lua/, sent once and then called by their digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "lua"


@dataclass(frozen=True, slots=True)
class Script:
    """A script, and the digest that EVALSHA calls it by."""

    name: str
    source: bytes
    sha: bytes


@cache
def job_script(name: str) -> Script:
    """Return the script of lua/job/`name`.lua, with what all scripts of a job share."""
    shebang, _, body = (_FOLDER / "job" / f"{name}.lua").read_bytes().partition(b"\n")
    return _script(name, shebang + b"\n" + (_FOLDER / "job" / "common.lua").read_bytes() + body)


@cache
def index_script(name: str) -> Script:
    """Return the script of lua/index/`name`.lua."""
    return _script(name, (_FOLDER / "index" / f"{name}.lua").read_bytes())


def _script(name: str, source: bytes) -> Script:
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())
