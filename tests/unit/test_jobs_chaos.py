"""Three instances over a memory store under every fault at once: the law holds in each seeded run."""

from __future__ import annotations

import os

import pytest

from tests.support.chaos import run
from tests.support.hypothesis_profiles import PROFILE
from tests.support.virtual_time import in_virtual_time

RUNS = int(os.environ.get("STREAMS_RUNS", 1500 if PROFILE == "full" else 24))


@pytest.mark.parametrize("seed", range(RUNS))
def test_readers_are_exact_under_every_fault(seed: int) -> None:
    in_virtual_time(run)(seed)


@pytest.mark.parametrize("seed", range(RUNS))
def test_readers_are_exact_or_rebased_when_the_store_loses_what_it_acknowledged(seed: int) -> None:
    in_virtual_time(run)(1000 + seed, losses=True)


@pytest.mark.parametrize("seed", range(RUNS // 2))
def test_readers_are_exact_or_rebased_when_the_log_is_trimmed_too(seed: int) -> None:
    in_virtual_time(run)(2000 + seed, losses=True, max_log_bytes=2000)


@pytest.mark.parametrize("seed", range(RUNS))
def test_readers_are_exact_or_told_that_all_is_gone_when_instances_die_and_the_store_restarts_empty(seed: int) -> None:
    in_virtual_time(run)(3000 + seed, losses=True, deaths=True)
