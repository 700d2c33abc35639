"""When what a producer said is written: a slow stream at once, a fast one in bundles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamsvc.jobs.pace import Pace

INTERVAL = 0.010


def waits(arrivals: list[float], events: int = 1) -> list[float]:
    """Return how long each of the writes that are wanted at `arrivals` waits."""
    pace, waited, now = Pace(INTERVAL), [], 0.0
    for arrival in arrivals:
        now = max(now, arrival)
        wait = pace.wait(now)
        now += wait
        pace.wrote(now, events)
        waited.append(wait)
    return waited


def test_the_first_write_never_waits() -> None:
    assert Pace(INTERVAL).wait(0.0) == 0
    assert Pace(INTERVAL).wait(1e9) == 0


def test_a_stream_of_two_hundred_a_second_never_waits() -> None:
    assert not any(waits([number / 200 for number in range(400)]))


def test_up_to_four_writes_in_an_interval_go_at_once() -> None:
    assert waits([0.001, 0.002, 0.003, 0.004]) == [0, 0, 0, 0]


def test_a_fifth_write_in_an_interval_waits_for_its_end() -> None:
    *before, fifth = waits([0.001, 0.002, 0.003, 0.004, 0.005])
    assert not any(before)
    assert abs(fifth - (INTERVAL - 0.004)) < 1e-9


def test_after_a_write_of_many_events_the_next_one_waits_for_the_interval() -> None:
    pace = Pace(INTERVAL)
    pace.wrote(0.0, 100)
    assert pace.wait(0.001) > 0


def test_a_stream_that_has_become_slow_is_written_at_once_again() -> None:
    pace = Pace(INTERVAL)
    pace.wrote(0.0, 100)
    pace.wrote(0.020, 1)
    assert pace.wait(0.021) == 0


def test_without_an_interval_nothing_waits() -> None:
    pace = Pace(0.0)
    for number in range(100):
        assert pace.wait(number * 1e-6) == 0
        pace.wrote(number * 1e-6, 100)


@given(st.lists(st.floats(0, 0.05), max_size=60), st.integers(1, 50))
def test_no_write_ever_waits_longer_than_the_interval(gaps: list[float], events: int) -> None:
    arrivals = [sum(gaps[:count]) for count in range(1, len(gaps) + 1)]
    assert all(0 <= wait <= INTERVAL + 1e-9 for wait in waits(arrivals, events))
