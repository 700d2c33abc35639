"""A reader that does as the protocol says, and is checked at each message against all that the store ever held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol, cast

from streamsvc.errors import JobNotFound, StreamsvcError
from streamsvc.principal import ANONYMOUS
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.checker import comparable
from tests.support.law_instance import Instance
from tests.support.law_ledger import NOTHING, LawBroken, Ledger
from tests.support.law_time import Time
from tests.support.reading import Collected

HEARTBEAT = 5
"""Seconds between two heartbeats. After two of them without a word the reader goes elsewhere."""


class Instances(Protocol):
    """Where a reader may call."""

    def pick(self) -> Instance | None:
        """Return an instance that runs, if there is one."""
        ...


class Reader:
    """Follows the job to its end, at one instance after the other.

    `holds` is the history that it has, `ended` how it ended ("OK", "GONE"), `called_at` when its last call began.
    """

    def __init__(self, time: Time, ledger: Ledger, instances: Instances, *, snapshot: bool) -> None:
        self.seen = Collected()
        self.holds = NOTHING
        self.ended = ""
        self.called_at = 0.0
        self.ended_at = 0.0
        self._time, self._ledger, self._instances = time, ledger, instances
        self._snapshot = snapshot
        self._asked = 0
        self._instance: Instance | None = None
        self._task: asyncio.Task[None] | None = None
        self._call = 0
        self._heard_at = 0.0

    @property
    def unasked(self) -> bool:
        """Whether a snapshot came that it did not ask for."""
        return len(self.seen.snapshots) > self._asked

    def call(self, instance: Instance | None) -> None:
        """Leave, and call there; later if nobody is there."""
        self.leave()
        if self.ended:
            return
        if instance is None:
            self._again()
            return
        self.seen.begin_call()
        self._instance = instance
        self.called_at = self._heard_at = self._time.now
        self._task = instance.begin(self._follow(instance, self._call))
        self._watch_silence(self._call)

    def leave(self, instance: Instance | None = None) -> None:
        """Break the connection, if it is to `instance` or that is None."""
        if instance in (None, self._instance):
            self._call += 1
            if self._task is not None and self._instance is not None:
                self._instance.end(self._task)
            self._task = self._instance = None

    def cut(self, instance: Instance) -> None:
        """Break the connection to a certain instance, and call again somewhere."""
        if self._instance is instance:
            self.leave()
            self._again()

    def _again(self) -> None:
        call = self._call
        self._time.at(0.5, lambda: self.call(self._instances.pick()) if call == self._call else None)

    def _watch_silence(self, call: int) -> None:
        def look() -> None:
            if call == self._call and not self.ended:
                if self._time.now - self._heard_at >= 2 * HEARTBEAT:
                    self.call(self._instances.pick())
                else:
                    self._time.at(HEARTBEAT, look)

        self._time.at(HEARTBEAT, look)

    async def _follow(self, instance: Instance, call: int) -> None:
        cursor = self.seen.cursor
        request = pb.StreamJobRequest(job_id=self._ledger.job_id, epoch=cursor.epoch, after_offset=cursor.offset)
        request.heartbeat_interval.seconds = HEARTBEAT
        if self._snapshot and not cursor.offset:
            request.catch_up = pb.CATCH_UP_MODE_SNAPSHOT
            self._asked += 1
        stream = cast(AsyncGenerator[bytes, None], instance.jobs.stream(ANONYMOUS, request))
        try:
            async with aclosing(stream) as messages:
                async for message in messages:
                    if call != self._call:
                        return
                    self._heard_at = self._time.now
                    self._take(message)
        except JobNotFound:
            self._end(call, "GONE")
        except StreamsvcError:
            if call == self._call:
                self._again()
        else:
            self._end(call, "OK")

    def _end(self, call: int, how: str) -> None:
        if call != self._call:
            return
        if how == "OK" and not (self.seen.finished and self._ledger.histories.ended(self.holds)):
            raise LawBroken(f"C: a reader is told the end, and holds no final event at {self.seen.cursor}")
        self.ended, self.ended_at = how, self._time.now

    def _take(self, message: bytes) -> None:
        events, snapshots = len(self.seen.events), len(self.seen.snapshots)
        self.seen.add(message)
        if len(self.seen.snapshots) > snapshots:
            self._replace()
        for event in self.seen.events[events:]:
            after = self._ledger.histories.find(self.holds, event)
            if after is None:
                raise LawBroken(
                    f"A: event {event.offset} does not follow what the reader holds in anything ever stored"
                )
            self.holds = after
        cursor = self.seen.cursor
        if cursor.epoch and self._ledger.stands_for(cursor) != self.holds:
            raise LawBroken(f"A: what a reader holds is not what its cursor {cursor} stands for")

    def _replace(self) -> None:
        """A snapshot replaces what it has."""
        ledger, cursor, state = self._ledger, self.seen.cursor, self.seen.snapshots[-1]
        history = ledger.stands_for(cursor._replace(offset=state.offset))
        if history is None or ledger.histories.state(history) != comparable(state):
            raise LawBroken(f"A: a snapshot at {state.offset} is not what the events up to there fold to")
        self.holds = history
        if self.unasked and not (ledger.losses or ledger.trims):
            raise LawBroken("G: a snapshot that nobody asked for, and nothing was lost or trimmed")
