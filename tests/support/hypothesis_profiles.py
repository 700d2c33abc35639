"""Hypothesis profiles: `quick` for every run, `full` for a long one (HYPOTHESIS_PROFILE=full)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)

settings.register_profile(
    "quick", deadline=None, max_examples=60, stateful_step_count=40, suppress_health_check=_SLOW, print_blob=True
)
settings.register_profile(
    "full", deadline=None, max_examples=3000, stateful_step_count=80, suppress_health_check=_SLOW, print_blob=True
)

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
"""The profile of this run."""


def load() -> None:
    """Make `PROFILE` the one that tests run under."""
    settings.load_profile(PROFILE)
