"""Waits between attempts: they grow, they end, and chance spreads them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamsvc.backoff import Backoff

ALMOST_ONE = 1 - 2**-53


@given(st.integers(0, 10**9), st.floats(0, ALMOST_ONE))
def test_a_wait_is_never_negative_and_never_above_the_maximum(attempt: int, chance: float) -> None:
    wait = Backoff().delay(attempt, random=lambda: chance)
    assert timedelta(0) <= wait <= Backoff().maximum


@pytest.mark.parametrize(("attempt", "seconds"), [(0, 0.1), (1, 0.2), (2, 0.4), (6, 6.4), (7, 10.0), (1000, 10.0)])
def test_the_longest_wait_doubles_up_to_the_maximum(attempt: int, seconds: float) -> None:
    assert Backoff().delay(attempt, random=lambda: 1.0) == timedelta(seconds=seconds)


def test_chance_may_take_all_of_the_wait() -> None:
    assert Backoff().delay(5, random=lambda: 0.0) == timedelta(0)


@given(st.floats(0, ALMOST_ONE))
def test_chance_is_asked_once(chance: float) -> None:
    asked: list[float] = []

    def random() -> float:
        asked.append(chance)
        return chance

    Backoff(timedelta(seconds=1), timedelta(seconds=60)).delay(2, random=random)
    assert asked == [chance]
