"""Three instances, one store, one job, its readers, and every fault there is, each when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random

from streamsvc import ids
from streamsvc.jobs.options import JobOptions
from streamsvc.principal import ANONYMOUS
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.law_instance import Instance
from tests.support.law_ledger import LawBroken, Ledger
from tests.support.law_line import Line, Word
from tests.support.law_reader import Reader
from tests.support.law_speaker import Speech, said_in
from tests.support.law_store import Behind, SharedStore
from tests.support.law_time import Time

INSTANCES = 3
WRITER = INSTANCES
"""Stands for the instance that wrote last."""
ALL = INSTANCES + 1
"""Stands for all instances."""
LEASE = 10.0
LATEST = 2 * LEASE
"""The longest that a message is late, in seconds."""
LONGEST_FREEZE = 3 * LEASE
SURE = LONGEST_FREEZE + 5.0
"""Seconds after a loss from which on nothing is on its way any more that was said before it."""
BOUND = LATEST + 8 * LEASE
"""Seconds after the last fault in which everything comes to its end."""
CLOSING = 1.2 * LEASE
"""How much longer the end is looked at: an ended job is looked after for one lease."""
REQUEST_ID = "the only one"

Open = Callable[[Time, str], Behind]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a life is like, whatever happens in it: how long messages take comes from `seed`.

    `log_bytes`: a log is trimmed that has more, and a checkpoint kept for half as much. `timeout`: how long an instance
    waits for an answer, in seconds. `gentle`: nothing happens but to the store, so that the writer lives, and must not
    be robbed.
    """

    seed: int
    length: int
    pace: float
    recovery: pb.RecoveryPolicy.ValueType
    log_bytes: int
    max_attempts: int
    timeout: float
    gentle: bool

    def options(self) -> JobOptions:
        """Return the same for an instance."""
        return JobOptions(
            lease_ttl=timedelta(seconds=LEASE),
            reaper_interval=timedelta(seconds=3),
            poll_interval=timedelta(seconds=2),
            max_attempts=self.max_attempts,
            outlived=True,
            max_log_bytes=self.log_bytes,
            checkpoint_bytes=self.log_bytes // 2,
        )


class World:
    """All there is. Instances have numbers from 0 on, and may be away for a while."""

    def __init__(self, open_store: Open, plan: Plan) -> None:
        self.time = Time()
        self.random = Random(plan.seed)
        self.job_id = ids.job_id_of_request(ANONYMOUS.tenant, ANONYMOUS.subject, REQUEST_ID)
        self.ledger = Ledger(self.job_id, lambda: self.time.now)
        self.ledger.after_look = self._nothing_changes_for_those_who_were_told_the_end
        self.readers: list[Reader] = []
        self.out_until = 0.0
        self._plan = plan
        self._speech = Speech(plan.length, plan.pace)
        self._request = pb.StartGenerationRequest(prompt="why?", request_id=REQUEST_ID, recovery=plan.recovery)
        self._shared = SharedStore(open_store(self.time, self.job_id), self.ledger, self._announce)
        self._instances: list[Instance | None] = [self._instance() for _ in range(INSTANCES)]

    def close(self) -> None:
        """End everything."""
        for instance in self._instances:
            if instance is not None:
                instance.kill()
        self._shared.close()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.time.run(seconds)

    def at(self, number: int) -> Instance:
        """Return an instance, another one if that is away; if all are, one comes back at once."""
        if not any(self._instances):
            self._come(0)
        present = [instance for instance in self._instances if instance is not None]
        if number == WRITER:
            return max(present, key=lambda instance: instance.line.wrote_at)
        return self._instances[number] or present[number % len(present)]

    def pick(self) -> Instance | None:
        """Return an instance for a reader."""
        present = [instance for instance in self._instances if instance is not None]
        return self.random.choice(present) if present else None

    def start(self, number: int) -> None:
        """Start the job, or find it."""
        self.at(number).start(self._request)

    def hurry(self) -> None:
        """Let the job end with what is said next."""
        self._speech.hurried = True

    def join(self, number: int, *, snapshot: bool) -> None:
        """Let a reader come."""
        reader = Reader(self.time, self.ledger, self, snapshot=snapshot)
        self.readers.append(reader)
        reader.call(self.at(number))

    def move_readers(self) -> None:
        """Have all readers call again, perhaps elsewhere."""
        for reader in self.readers:
            reader.call(self.pick())

    def kill(self, number: int, seconds: float) -> None:
        """Kill an instance; another one takes its place after so long."""
        self._kill(self.at(number), seconds)

    def stop(self, number: int) -> None:
        """Stop an instance in good order; another one takes its place."""
        instance = self.at(number)
        instance.drain()
        self.time.at(4.0, lambda: self._kill(instance, 0.1) if instance in self._instances else None)

    def outage(self, number: int, seconds: float, *, silent: bool) -> None:
        """Let the store be out of reach: every call fails at once, or (silent) is never answered."""
        for line in self._lines() if number == ALL else [self.at(number).line]:
            line.silent, line.refused = silent, not silent
            self.time.at(seconds, line.reach)
        if number == ALL:
            self.out_until = max(self.out_until, self.time.now + seconds)

    def lose(self, events: int, fences: int) -> None:
        """Let the store go back by so many events and changes of hands."""
        self.time.at(0.0, partial(self._shared.lose, events, fences))

    def restart_empty(self) -> None:
        """Let the store lose everything."""
        self.time.at(0.0, self._shared.restart_empty)

    def may_lose(self) -> bool:
        """Tell whether the store may lose something: in a gentle life only what its writer can still put back."""
        late = self.ledger.closed and self.time.now - self.ledger.closed_at > LEASE / 2
        out = self.ledger.closed and self.time.now < self.out_until
        return not self._plan.gentle or not (late or out)

    def has_just_grown(self) -> bool:
        """Tell whether an open log has an event so new that its writer will know of its loss before the lease ends.

        Without it the store is back where the lease was renewed not long ago; without two it may be over.
        """
        ledger = self.ledger
        return not ledger.closed and ledger.appended_at > max(ledger.lost_at, self.time.now - LEASE / 5)

    def may_fail(self) -> bool:
        """Tell whether the store may be out of reach: in a gentle life not while an ended job is put back."""
        return not self._plan.gentle or not self.ledger.closed

    def settle(self) -> None:
        """Let the faults stop. Law F: the job ends, and every reader, in bounded time."""
        self.hurry()
        for number in range(INSTANCES):
            self._come(number)
            self.at(number).thaw()
        deadline = self.time.now + BOUND
        self.run(LATEST)
        while not self._ended() and self.time.now < deadline:
            self.run(LEASE / 2)
        if self.ledger.present is not None and not self.ledger.closed:
            raise LawBroken(f"F: the job has not ended {BOUND:g} s after the last fault")
        for reader in self.readers:
            if not reader.ended:
                raise LawBroken(f"F: a reader hangs at {reader.seen.cursor}")
        self.run(CLOSING)
        self._a_late_reader()
        if self._plan.gentle:
            self._the_writer_was_not_robbed()

    def _a_late_reader(self) -> None:
        """What is left is what a reader gets that comes when all is over."""
        self.join(0, snapshot=False)
        late = self.readers.pop()
        deadline = self.time.now + SURE
        while not late.ended and self.time.now < deadline:
            self.run(1.0)
        if late.ended != ("GONE" if self.ledger.present is None else "OK"):
            raise LawBroken(f"F: a reader that comes late ends {late.ended or 'never'}")
        if late.ended == "OK" and late.holds != self.ledger.present:
            raise LawBroken("A: a reader that comes late gets another history than the job's")
        said = said_in(late.seen.state)
        if said != [*range(len(said))]:
            raise LawBroken(f"A: the answer has a hole or a repeat: {said}")
        for reader in self.readers:
            knew = reader.seen.cursor.epoch and self._is_sure(reader)
            if reader.ended == "GONE" and late.ended == "OK" and knew:
                raise LawBroken("F: a reader was told that a job is not there that is")

    def _the_writer_was_not_robbed(self) -> None:
        """Laws F and G where only the store fails: the writer lives, goes on, and puts back what is lost."""
        if len({epoch for epoch, _ in self.ledger.named}) > 1:
            raise LawBroken("F: a writer that lived was robbed")
        for reader in self.readers:
            if reader.ended == "GONE" and reader.seen.cursor.epoch:
                raise LawBroken("F: a reader was told that a job is not there whose writer lived")
            if reader.unasked and not self.ledger.trims:
                raise LawBroken("G: a snapshot that nobody asked for, though the writer lived")

    def _kill(self, instance: Instance, seconds: float) -> None:
        number = self._instances.index(instance)
        self._instances[number] = None
        instance.kill()
        for reader in self.readers:
            reader.cut(instance)
        self.time.at(seconds, partial(self._come, number))

    def _lines(self) -> list[Line]:
        return [instance.line for instance in self._instances if instance is not None]

    def _ended(self) -> bool:
        return (self.ledger.present is None or self.ledger.closed) and all(reader.ended for reader in self.readers)

    def _nothing_changes_for_those_who_were_told_the_end(self) -> None:
        """Law H: a reader told OK keeps a history that stays the job's, unless the store lost something afterwards."""
        for reader in self.readers:
            if reader.ended == "OK" and self._is_sure(reader) and self.ledger.present not in (None, reader.holds):
                raise LawBroken("H: a reader was told the end of a history that is not the job's any more")

    def _is_sure(self, reader: Reader) -> bool:
        """Tell whether nothing that a reader was told was on its way when the store lost something."""
        return reader.called_at > self.ledger.lost_at + SURE

    def _announce(self, word: Word) -> None:
        for line in self._lines():
            line.hear(word)

    def _come(self, number: int) -> None:
        if self._instances[number] is None:
            self._instances[number] = self._instance()

    def _instance(self) -> Instance:
        options, seed = self._plan.options(), self.random.randrange(1 << 30)
        return Instance(self.time, self._shared, self._speech, options, Random(seed), self._plan.timeout)
