"""How old a lease is by its holder's own clock."""

from __future__ import annotations

import pytest

from streamsvc.jobs.lease_clock import LeaseClock


def clock() -> LeaseClock:
    return LeaseClock(ttl=10.0, pause=3.0, now=100.0)


def test_time_in_which_the_store_answers_counts() -> None:
    lease = clock()
    for now in range(101, 110):
        lease.tick(float(now), reached=True)
    assert lease.age == pytest.approx(9.0)
    assert not lease.expired
    lease.tick(110.0, reached=True)
    assert lease.expired


def test_time_in_which_the_store_does_not_answer_does_not_count() -> None:
    lease = clock()
    for now in range(101, 1000):
        lease.tick(float(now), reached=False)
    assert lease.age == 0
    assert not lease.expired


def test_time_in_which_the_process_was_stopped_counts_even_when_the_store_did_not_answer() -> None:
    lease = clock()
    lease.tick(101.0, reached=False)
    lease.tick(112.0, reached=False)
    assert lease.expired


def test_a_gap_as_long_as_the_pause_is_no_stop() -> None:
    lease = clock()
    lease.tick(103.0, reached=False)
    assert lease.age == 0


def test_a_renewal_counts_from_before_it_was_asked_for() -> None:
    lease = clock()
    lease.tick(104.0, reached=True)
    asked = lease.age
    lease.tick(106.0, reached=True)
    lease.renewed(asked)
    assert lease.age == pytest.approx(2.0)
    lease.tick(107.0, reached=True)
    assert lease.age == pytest.approx(3.0)


def test_a_renewal_during_which_the_process_was_stopped_for_a_lease_is_worth_nothing() -> None:
    lease = clock()
    lease.tick(101.0, reached=True)
    asked = lease.age
    lease.tick(111.5, reached=False)
    lease.renewed(asked)
    assert lease.expired
