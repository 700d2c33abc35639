"""How long tests of faults last: some seconds in every run, as long as the plan says with TEST_LENGTH=full."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

FULL = os.environ.get("TEST_LENGTH") == "full"
"""Whether this run is one at full length."""

PATIENCE = 10.0 if FULL else 1.0
"""By how much limits of time are longer in this run."""


def by_length(short: T, full: T) -> T:
    """Return what this run is to use: `short` in every run, `full` in one at full length."""
    return full if FULL else short
