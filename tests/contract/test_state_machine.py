"""Each store beside the memory store, through losses, takeovers and late messages: they answer alike, and laws hold."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from streamsvc.errors import OffsetMismatch
from streamsvc.log import Batch, Cursor
from streamsvc.store.base import Acquired, Chunk, Created, JobQuery, JobRecord, Lease, LogLost, Scope, Unservable
from streamsvc.v1 import job_pb2
from tests.support import hypothesis_profiles
from tests.support.hands import Hand, Sent
from tests.support.laws import Laws, label
from tests.support.pair import Refused, Side
from tests.support.pair_machine import PairMachine
from tests.support.stores import FACTORIES, Factory
from tests.support.writing import BEGAN_MS, EVERYTHING, REQUEST, a_job, frames, state_at, texts_of

JOBS = [f"{number:032x}" for number in range(2)]
JOB_IDS = st.sampled_from([JOBS[0]] * 3 + JOBS)
COUNTS = st.lists(st.integers(1, 2), min_size=1, max_size=4)
SPANS = st.sampled_from(["ttl"] * 8 + ["retention", "safety", "tombstone"])
PLACES = st.integers(0, 3)  # counted from the newest, which is the most interesting one
LATE = 3  # leases after which no message is under way any more; tombstones and retentions last longer


class StoreMachine(PairMachine):
    """Writers, readers and faults, one step at a time, on both stores."""

    def __init__(self, factory: Factory) -> None:
        super().__init__(factory)
        self.laws = {job_id: Laws(self.times.tombstone.total_seconds()) for job_id in JOBS}

    def some_missing(self) -> bool:
        return any(self.missing(job_id) for job_id in JOBS) or self.serial % 8 == 0

    @initialize(count=st.integers(1, 3))
    def begin(self, count: int) -> None:
        self.create(JOBS[0], count, b"1")

    @precondition(some_missing)
    @rule(job_id=JOB_IDS, count=st.integers(1, 3), digest=st.sampled_from([b"1", b"1", b"1", b"2"]))
    def create(self, job_id: str, count: int, digest: bytes) -> None:
        epoch = f"c{self.number()}"
        texts = [label(epoch, self.number()) for _ in range(count)]
        job = a_job(self.pair.sides[0].sut, job_id)
        first = Batch(epoch, 0, frames(0, *texts), count, BEGAN_MS + count)
        created = self.ask(lambda side: side.store.create(job, REQUEST, first, digest=digest, ttl=self.times.ttl))
        if isinstance(created, Created) and created.lease:
            self.hands.append(Hand(created.lease, created.record.job, (), texts, b"", self.now, digest))
            self.laws[job_id].created(self.now)

    @rule(job_id=JOB_IDS, leases=st.sampled_from([0.0, 1.1, 1.1, 1.1]))
    def acquire(self, job_id: str, leases: float) -> None:
        self.pass_time(self.times.ttl * leases)
        name = f"a{self.number()}"
        taken = self.ask(lambda side: self._acquire(side, job_id, name))
        if isinstance(taken, Acquired):
            assert taken.lease.fence > self.laws[job_id].fence or not self.laws[job_id].honest
            digest = next(hand.digest for hand in reversed(self.hands) if hand.job_id == job_id)
            record, history = taken.record, self.history(job_id)
            self.hands.append(Hand(taken.lease, record.job, record.chain, history, taken.notes, self.now, digest))

    async def _acquire(self, side: Side, job_id: str, name: str) -> Acquired:
        taken = await side.store.acquire(job_id, self.times.ttl)
        side.learn(name, taken.lease.epoch)
        return taken

    def writing(self) -> list[Hand]:
        return [hand for hand in self.hands if not (hand.stopped or hand.ended)]

    @precondition(lambda self: self.writing())
    @rule(place=PLACES, count=st.integers(1, 3), final=st.integers(0, 7), answered=st.integers(0, 3))
    def write(self, place: int, count: int, final: int, answered: int) -> None:
        hand = self.hand(place, self.writing())
        serial = self.number(count)
        notes = f"notes {serial}".encode() if count == 2 else None
        sent = hand.next(count, serial, final=final == 0, notes=notes)
        answer = self.append(hand, sent)
        assert not (isinstance(answer, Refused) and answer.error is OffsetMismatch and self.laws[hand.job_id].honest)
        if answered == 0:
            return  # the answer was lost: the same batch is sent again
        if isinstance(answer, Lease):
            hand.acknowledged(sent, self.now)
        elif answer != Refused(LogLost):
            hand.stopped = True

    @precondition(lambda self: self.writing())
    @rule(place=PLACES, counts=COUNTS)
    def write_on(self, place: int, counts: list[int]) -> None:
        """Several batches, as most of a job's life goes."""
        for count in counts:
            if self.writing():
                self.write(place, count, final=1, answered=1)

    @precondition(lambda self: any(hand.sent for hand in self.hands))
    @rule(place=PLACES, which=PLACES)
    def write_late(self, place: int, which: int) -> None:
        """A batch that was sent before arrives again, or only now; its answer reaches nobody."""
        hand = self.hand(place, [hand for hand in self.hands if hand.sent])
        sent = hand.sent[-1 - which % len(hand.sent)]
        self.append(hand, sent)

    def append(self, hand: Hand, sent: Sent) -> object:
        answer = self.ask(lambda side: self._append(side, hand, sent))
        if isinstance(answer, Lease):  # what was acknowledged is there
            assert tuple(self.history(hand.job_id)[sent.after : sent.last]) == sent.texts
        return answer

    async def _append(self, side: Side, hand: Hand, sent: Sent) -> Lease:
        job = hand.job_after(sent.texts) if sent.final or sent.notes else None
        return await side.store.append(side.lease(hand.lease), hand.batch(side, sent), job=job, notes=sent.notes)

    @precondition(lambda self: self.hands)
    @rule(place=PLACES, late=st.booleans(), mark=PLACES)
    def renew(self, place: int, late: bool, mark: int) -> None:
        hand = self.hand(place)
        last = hand.marks[-1 - mark % len(hand.marks)] if late else hand.last
        answer = self.ask(lambda side: side.store.renew(side.lease(hand.lease), last))
        if isinstance(answer, Lease):
            self.check_held(hand, last)
        if late:
            return
        if isinstance(answer, Lease):
            hand.granted(self.now)
        elif answer != Refused(LogLost):
            hand.stopped = True

    def check_held(self, hand: Hand, last: int) -> None:
        record = self.record(hand.job_id)
        assert isinstance(record, JobRecord)
        assert (record.job.epoch, record.fence) == (hand.lease.epoch, hand.lease.fence)
        assert self.history(hand.job_id)[:last] == hand.history[:last]

    def restoring(self) -> list[Hand]:
        latest = LATE * self.times.ttl.total_seconds()
        return [hand for hand in self.hands if self.now - hand.granted_at < latest]

    @precondition(lambda self: self.restoring())
    @rule(place=PLACES, late=st.integers(0, 3), mark=PLACES, after=st.integers(0, 12))
    def restore(self, place: int, late: int, mark: int, after: int) -> None:
        """A writer puts back what it knows, or (late) what it knew when it asked; the answer may reach nobody."""
        hand = self.hand(place, self.restoring())
        last = hand.marks[-1 - mark % len(hand.marks)] if late == 0 else hand.last
        begin = after % (last + 1)
        lease = hand.lease
        answer = self.ask(lambda side: side.store.restore(side.lease(lease), hand.copy(side, begin, last)))
        if isinstance(answer, Lease):
            self.check_held(hand, last)
        if late == 0:
            return
        if isinstance(answer, Lease):
            hand.granted(self.now)
        else:
            hand.stopped = True

    @precondition(lambda self: self.hands)
    @rule(place=PLACES, mark=PLACES, trim=st.booleans())
    def checkpoint(self, place: int, mark: int, trim: bool) -> None:
        hand = self.hand(place)
        offset = hand.marks[-1 - mark % len(hand.marks)]
        state = state_at(offset, *hand.history[:offset])
        answer = self.ask(lambda side: side.store.checkpoint(side.lease(hand.lease), state, trim=trim))
        if trim and answer is None:
            self.laws[hand.job_id].trimmed = True

    @rule(job_id=JOB_IDS, what=st.sampled_from(["cancel", "release", "delete"]), reason=st.sampled_from(["", "enough"]))
    def interfere(self, job_id: str, what: str, reason: str) -> None:
        """What happens once in a job's life, if at all."""
        idle = [hand for hand in self.hands if hand.pending is None]
        if what == "cancel":
            self.ask(lambda side: side.store.request_cancel(job_id, reason))
        elif what == "release" and idle:
            idle[-1].stopped = True
            self.ask(lambda side: side.store.release(side.lease(idle[-1].lease)))
        elif what == "delete":
            if isinstance(self.record(job_id), JobRecord):
                self.laws[job_id].deleted_at = self.now
            assert self.ask(lambda side: side.store.delete(job_id)) is None

    @rule(job_id=JOB_IDS, max_bytes=st.sampled_from([1, 30, 60, 200, EVERYTHING]))
    def readers_come_back(self, job_id: str, max_bytes: int) -> None:
        """Every cursor that was ever given out is read on from."""
        if not isinstance(record := self.record(job_id), JobRecord):
            return
        epochs, history = [record.job.epoch, *(end.epoch for end in record.chain)], self.history(job_id)
        for cursor in self.laws[job_id].named:
            self.read(job_id, cursor, max_bytes, epochs, history)

    def read(self, job_id: str, cursor: Cursor, max_bytes: int, epochs: list[str], history: list[str]) -> None:
        chunk, reference = self.run(self.pair.answers(lambda side: side.read(job_id, cursor, max_bytes)))
        if not isinstance(chunk, Chunk) or not isinstance(reference, Chunk):
            assert chunk == reference == Refused(Unservable)
            self.laws[job_id].check_unserved(cursor, epochs)
            return
        assert replace(chunk, frames=b"", last=0) == replace(reference, frames=b"", last=0)
        shorter = min(len(chunk.frames), len(reference.frames))
        assert chunk.frames[:shorter] == reference.frames[:shorter]
        self.laws[job_id].check_served(cursor, history, closed=chunk.closed)
        assert texts_of(chunk.frames) == history[cursor.offset : chunk.last]
        assert chunk.frames or cursor.offset >= len(history)

    @rule(
        what=st.sampled_from(["ttl"] * 8 + ["retention", "safety", "tombstone"]),
        factor=st.sampled_from([0.2, 0.6, 1.1]),
    )
    def wait(self, what: str, factor: float) -> None:
        self.pass_time(getattr(self.times, what) * factor)

    @rule(job_id=JOB_IDS, events=st.integers(0, 4), fences=st.sampled_from([0, 0, 1]), all_of_it=st.integers(0, 9))
    def lose(self, job_id: str, events: int, fences: int, all_of_it: int) -> None:
        """The store goes back by some events and takeovers, behind a deletion, or to before the job."""
        to_offset, fence = (0, 0) if all_of_it == 0 else (1000, 1000)
        if all_of_it and isinstance(record := self.record(job_id), JobRecord):
            to_offset, fence = max(1, record.job.last_offset - events), max(1, record.fence - fences)
        for side in self.pair.sides:
            self.run(side.sut.lose(job_id, to_offset, fence))
        self.laws[job_id].lost()

    @precondition(lambda self: self.writing())
    @rule(place=PLACES, events=st.integers(0, 4), taken_over=st.booleans(), counts=COUNTS, final=st.booleans())
    def fail_over(self, place: int, events: int, taken_over: bool, counts: list[int], final: bool) -> None:
        """The store goes back, and another writer goes on before the present one knows: a new one, or the former."""
        job_id = self.hand(place, self.writing()).job_id
        self.lose(job_id, events, fences=not taken_over, all_of_it=1)
        if taken_over:
            self.acquire(job_id, leases=1.1)
        record = self.record(job_id)
        for hand in reversed(self.writing()):
            if isinstance(record, JobRecord) and hand.lease.epoch == record.job.epoch:
                place = self.writing()[::-1].index(hand)
                for count in counts:
                    if not (hand.stopped or hand.ended):
                        self.write(place, count, final=not final, answered=1)

    @invariant()
    def laws_hold(self) -> None:
        for job_id, laws in self.laws.items():
            record = self.record(job_id)
            if isinstance(record, Refused):
                laws.check_missing(record, self.now)
            if isinstance(record, JobRecord):
                laws.check(record, self.history(job_id))
                kept = self.ask(lambda side, job_id=job_id: side.sut.private(job_id))  # type: ignore[misc]
                assert not record.closed or kept == (b"", b"")

    @invariant()
    def lists_agree(self) -> None:
        open_jobs = self.ask(lambda side: side.store.abandoned())
        listed = self.ask(self._listed)
        assert isinstance(open_jobs, list)
        assert isinstance(listed, list)
        running = [job.id for job in listed if job.status != job_pb2.JOB_STATUS_COMPLETED]
        assert set(open_jobs) <= set(running)

    async def _listed(self, side: Side) -> list[job_pb2.Job]:
        return list((await side.store.list(JobQuery(Scope("ada")))).jobs)


EXAMPLES = {"memory": 300, "redis": 100, "redis_cluster": 40}
"""How many lives each store leads: as many as take some seconds. The full profile gives each ten times as many."""


@pytest.mark.timeout(3600 if hypothesis_profiles.PROFILE == "full" else 120)
@pytest.mark.parametrize("name", FACTORIES)
def test_a_store_answers_like_the_memory_store_and_keeps_the_laws(name: str) -> None:
    machine = partial(StoreMachine, FACTORIES[name])
    examples = EXAMPLES[name] * (10 if hypothesis_profiles.PROFILE == "full" else 1)
    run_state_machine_as_test(machine, settings=settings(max_examples=examples))  # type: ignore[arg-type]
