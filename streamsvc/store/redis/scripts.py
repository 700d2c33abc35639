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
def script(name: str) -> Script:
    """Return the script of lua/`name`.lua."""
    source = (_FOLDER / f"{name}.lua").read_bytes()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())
