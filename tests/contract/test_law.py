"""Whole instances under every fault, one step at a time, over each store: whatever happens, the laws hold."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from streamsvc.v1 import job_service_pb2 as pb
from tests.support import hypothesis_profiles
from tests.support.law_line import Fate
from tests.support.law_memory import OnMemory
from tests.support.law_redis import OnRedis
from tests.support.law_world import ALL, INSTANCES, LATEST, LEASE, LONGEST_FREEZE, WRITER, Open, Plan, World

NUMBERS = st.sampled_from([WRITER, WRITER, *range(INSTANCES)])
WHILE = st.sampled_from([0.0, 0.02, 0.3, 1.0, 2.0, 4.0, 8.0, 12.0])
"""How long to wait after each step, in seconds."""
LATE = st.sampled_from([0.1, 1.5, 4.0, 8.0, 13.0, LATEST])
FATES = st.one_of(
    st.builds(Fate, requests=st.just(())),
    st.builds(Fate, answer=st.none()),
    st.builds(Fate, answer=LATE),
    st.builds(Fate, requests=st.tuples(LATE)),
    st.builds(Fate, requests=st.tuples(st.just(0.0), LATE)),
    st.just(Fate()),
)
CALLS = st.sampled_from(
    ["append"] * 3 + ["renew", "restore", "acquire", "read", "get", "create", "checkpoint", "release"]
)
HEARD = st.lists(st.one_of(st.just(()), st.tuples(LATE), st.tuples(st.just(0.0), LATE)), min_size=1, max_size=4)
FREEZES = st.sampled_from([1.0, 6.0, 1.3 * LEASE, LONGEST_FREEZE])
MOST_READERS = 6
RECOVERIES = [pb.RECOVERY_POLICY_CONTINUE] * 3 + [pb.RECOVERY_POLICY_RESTART, pb.RECOVERY_POLICY_FAIL]

harsh = precondition(lambda self: not self.gentle)


class LawMachine(RuleBasedStateMachine):
    """One life of one job. The laws are looked after wherever something changes or is shown; here faults are made."""

    world: World

    def __init__(self, open_store: Open) -> None:
        super().__init__()
        self.open_store = open_store
        self.gentle = False

    @initialize(
        seed=st.integers(0, 1000),
        length=st.sampled_from([25, 6, 60]),
        pace=st.sampled_from([1.0, 0.3, 3.0, 1.5 * LEASE]),
        recovery=st.sampled_from(RECOVERIES),
        log_bytes=st.sampled_from([1 << 20, 1 << 20, 200]),
        max_attempts=st.sampled_from([50, 2]),
        timeout=st.sampled_from([2.0, 5.0]),
        gentle=st.sampled_from([False, False, False, True]),
    )
    def begin(self, gentle: bool, **plan: object) -> None:
        self.gentle = gentle
        self.world = World(self.open_store, Plan(gentle=gentle, **plan))  # type: ignore[arg-type]
        self.world.start(0)
        self.world.run(0.5)

    @harsh
    @rule(number=NUMBERS, then=WHILE)
    def start(self, number: int, then: float) -> None:
        self.world.start(number)
        self.world.run(then)

    @precondition(lambda self: len(self.world.readers) < MOST_READERS)
    @rule(number=NUMBERS, snapshot=st.booleans(), then=WHILE)
    def join(self, number: int, snapshot: bool, then: float) -> None:
        self.world.join(number, snapshot=snapshot)
        self.world.run(then)

    @precondition(lambda self: self.world.readers)
    @rule(reader=st.integers(0, MOST_READERS - 1), number=NUMBERS, then=WHILE)
    def cut(self, reader: int, number: int, then: float) -> None:
        self.world.readers[reader % len(self.world.readers)].call(self.world.at(number))
        self.world.run(then)

    @harsh
    @rule(number=NUMBERS, seconds=st.sampled_from([0.1, 5.0, 15.0]), then=WHILE)
    def kill(self, number: int, seconds: float, then: float) -> None:
        self.world.kill(number, seconds)
        self.world.run(then)

    @harsh
    @rule(number=NUMBERS, then=WHILE)
    def stop(self, number: int, then: float) -> None:
        self.world.stop(number)
        self.world.run(then)

    @harsh
    @rule(number=NUMBERS, seconds=FREEZES, then=WHILE)
    def freeze(self, number: int, seconds: float, then: float) -> None:
        self.world.at(number).freeze(seconds)
        self.world.run(then)

    @harsh
    @rule(number=NUMBERS, name=CALLS, fates=st.lists(FATES, min_size=1, max_size=4), then=WHILE)
    def disturb(self, number: int, name: str, fates: list[Fate], then: float) -> None:
        self.world.at(number).line.disturb(name, fates)
        self.world.run(then)

    @rule(number=NUMBERS, delays=HEARD, then=WHILE)
    def mishear(self, number: int, delays: list[tuple[float, ...]], then: float) -> None:
        self.world.at(number).line.mishear(delays)
        self.world.run(then)

    @precondition(lambda self: self.world.may_fail())
    @rule(seconds=st.sampled_from([1.0, 5.0, 1.3 * LEASE, 30.0]), silent=st.booleans(), then=WHILE)
    def outage(self, seconds: float, silent: bool, then: float) -> None:
        self.world.outage(ALL, seconds, silent=silent)
        self.world.run(then)

    @harsh
    @rule(number=NUMBERS, seconds=st.sampled_from([1.0, 5.0, 1.3 * LEASE]), silent=st.booleans(), then=WHILE)
    def outage_of_one(self, number: int, seconds: float, silent: bool, then: float) -> None:
        self.world.outage(number, seconds, silent=silent)
        self.world.run(then)

    @harsh
    @rule(events=st.integers(0, 6), fences=st.sampled_from([0, 0, 1, 2]), then=WHILE)
    def lose(self, events: int, fences: int, then: float) -> None:
        self.world.lose(events, fences)
        self.world.run(then)

    @precondition(lambda self: self.world.has_just_grown())
    @rule(moved=st.booleans(), then=WHILE)
    def lose_newest(self, moved: bool, then: float) -> None:
        """Readers may be ahead of the log now, and (moved) with instances that know no more than it."""
        self.world.lose(events=1, fences=0)
        if moved:
            self.world.move_readers()
        self.world.run(then)

    @precondition(lambda self: self.world.may_lose())
    @rule(then=WHILE)
    def lose_ended(self, then: float) -> None:
        """The store restarts empty just after the final event."""
        self.world.hurry()
        for _ in range(8):
            if not self.world.ledger.closed:
                self.world.run(LEASE / 20)
        if self.world.may_lose():
            self.world.restart_empty()
        self.world.run(then)

    @harsh
    @rule(events=st.integers(0, 8), late=LATE, number=NUMBERS, dies=st.booleans(), starts=st.booleans(), then=WHILE)
    def put_back_late(self, events: int, late: float, number: int, dies: bool, starts: bool, then: float) -> None:
        """What the store lost is put back late: its writer may be dead by then, and the job begun anew. 8: all."""
        self.world.at(WRITER).line.disturb("restore", [Fate(requests=(late,))])
        if events == 8:
            self.world.restart_empty()
        else:
            self.world.lose(events, fences=0)
        self.world.run(LEASE / 2)
        if dies:
            self.world.kill(WRITER, seconds=LEASE)
        if starts:
            self.world.start(number)
        self.world.run(then)

    @harsh
    @rule(events=st.integers(0, 6), fences=st.sampled_from([0, 1]), seconds=FREEZES, dies=st.booleans(), then=WHILE)
    def fail_over(self, events: int, fences: int, seconds: float, dies: bool, then: float) -> None:
        """The store goes back at the moment at which its writer dies, or is stopped for a while."""
        self.world.lose(events, fences)
        if dies:
            self.world.kill(WRITER, seconds)
        else:
            self.world.at(WRITER).freeze(seconds)
        self.world.run(then)

    @precondition(lambda self: self.world.may_lose())
    @rule(then=WHILE)
    def restart_empty(self, then: float) -> None:
        self.world.restart_empty()
        self.world.run(then)

    @harsh
    @rule(number=NUMBERS, at_once=st.booleans(), then=WHILE)
    def restart_empty_and_start(self, number: int, at_once: bool, then: float) -> None:
        """Those who do not find their jobs any more ask for them again."""
        self.world.restart_empty()
        self.world.run(0.0 if at_once else 1.0)
        self.world.start(number)
        self.world.run(then)

    @harsh
    @rule(number=NUMBERS, deletes=st.sampled_from([False, False, True]), then=WHILE)
    def interfere(self, number: int, deletes: bool, then: float) -> None:
        """What happens once in a job's life, if at all."""
        if deletes:
            self.world.at(number).delete(self.world.job_id)
        else:
            self.world.at(number).cancel(self.world.job_id)
        self.world.run(then)

    @rule(then=WHILE)
    def hurry(self, then: float) -> None:
        self.world.hurry()
        self.world.run(then)

    @rule(seconds=WHILE)
    def wait(self, seconds: float) -> None:
        self.world.run(seconds)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.world.settle()
            finally:
                self.world.close()


STORES: dict[str, Open] = {"memory": OnMemory, "redis": OnRedis}
LIVES = {"memory": 350, "redis": 70}
"""How many lives are led over each store: as many as take some seconds. The full profile has ten times as many."""


@pytest.mark.timeout(7200 if hypothesis_profiles.PROFILE == "full" else 600)
@pytest.mark.parametrize("name", STORES)
def test_the_laws_hold_whatever_happens(name: str) -> None:
    lives = LIVES[name] * (10 if hypothesis_profiles.PROFILE == "full" else 1)
    machine = partial(LawMachine, STORES[name])
    run_state_machine_as_test(machine, settings=settings(max_examples=lives, report_multiple_bugs=False))  # type: ignore[arg-type]
