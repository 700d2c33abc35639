"""Who has which jobs, which are open, which changed, and when to look at each: indexes, written beside the jobs.

They are not written in one step with the job, and a failover may lose a part of them, so nothing of a job depends on
them, and they heal: the writer takes note after each change, renewals put back what is missing, and whoever looks for
abandoned jobs takes note of what a writer that died did not, and forgets what is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from streamsvc.store.redis.keys import IndexPlace, Keys
from streamsvc.store.redis.link import Link
from streamsvc.store.redis.replies import milliseconds
from streamsvc.store.redis.scripts import index_script
from streamsvc.v1 import job_pb2

MAX_GONE = 10_000
"""How many jobs that are gone an owner's index remembers. A token from before that cannot be served."""

DUE_AT_ONCE = 1000

_NOTE, _HEAL, _LATER, _DUE = map(index_script, ("note", "heal", "look_later", "due"))


@dataclass(frozen=True, slots=True)
class Due:
    """A job to be looked at, and since when: its score in the index, as Redis writes it."""

    place: IndexPlace
    at: bytes


class Index:
    """The indexes of all owners. `gone_time` is how long a job that is gone is remembered there."""

    def __init__(self, link: Link, keys: Keys, *, new_name: Callable[[], str], gone_time: timedelta) -> None:
        self._link = link
        self._keys = keys
        self._new_name = new_name
        self.gone_ms = milliseconds(gone_time)

    def new_name(self) -> bytes:
        """Return a name for an order of changes that begins here."""
        return self._new_name().encode()

    async def stands(self, job: job_pb2.Job, *, ended: bool) -> None:
        """Take note that a job is new or changed, and tell those who watch its owner."""
        await self._note(IndexPlace.of(job), b"ENDED" if ended else b"OPEN", job.SerializeToString())

    async def gone(self, place: IndexPlace) -> None:
        """Take note that a job was deleted or forgotten, and tell those who watch its owner."""
        await self._note(place, b"GONE", b"")

    async def heal(self, job: job_pb2.Job, *, ended: bool) -> bool:
        """Take note of a job that stands otherwise than the indexes say. Returns whether it did.

        It may be gone meanwhile, and somebody may have forgotten it: who heals says afterwards when to look at it.
        """
        place = IndexPlace.of(job)
        keys = self._keys_of(place, "jobs", "open")
        wrong = await self._link.run(_HEAL, keys, [place.job_id.encode(), b"%d" % place.create_ms, _standing(ended)])
        if wrong:
            await self.stands(job, ended=ended)
        return bool(wrong)

    async def look_in(self, place: IndexPlace, delay_ms: int) -> None:
        """Say that a job is to be looked at after so long."""
        await self._link.run(_LATER, [self._keys.due(place.job_id)], [place.pack(), b"%d" % max(0, delay_ms)])

    async def look_by(self, place: IndexPlace, delay_ms: int) -> None:
        """Say that a job is to be looked at after so long at the latest."""
        await self._link.run(_LATER, [self._keys.due(place.job_id)], [place.pack(), b"%d" % delay_ms, b"LT"])

    async def forget(self, due: Due) -> None:
        """Take note that a job is gone, and look at it no more, unless somebody has said since when to look again."""
        await self.gone(due.place)
        await self._link.run(_LATER, [self._keys.due(due.place.job_id)], [due.place.pack(), b"", due.at])

    async def due(self) -> Sequence[Due]:
        """Return the jobs that it is time to look at."""
        shards = [self._link.run(_DUE, [key], [b"%d" % DUE_AT_ONCE]) for key in self._keys.due_shards()]
        found = await asyncio.gather(*shards)
        return [Due(IndexPlace.unpack(shard[i]), shard[i + 1]) for shard in found for i in range(0, len(shard), 2)]

    async def _note(self, place: IndexPlace, stands: bytes, job: bytes) -> None:
        keys = self._keys_of(place, "jobs", "open")[:2]
        keys += [self._keys.owner(place.owner, name) for name in ("changed", "gone", "meta")]
        if place.conversation:
            names = ("jobs", "open", "claim")
            keys += [self._keys.conversation(place.owner, place.conversation, name) for name in names]
        numbers = (b"%d" % number for number in (place.create_ms, self.gone_ms, MAX_GONE))
        head = [place.job_id.encode(), place.conversation.encode(), stands]
        await self._link.run(_NOTE, keys, [*head, *numbers, self.new_name(), job])

    def _keys_of(self, place: IndexPlace, *names: str) -> list[bytes]:
        keys = [self._keys.owner(place.owner, name) for name in names]
        if place.conversation:
            keys += [self._keys.conversation(place.owner, place.conversation, name) for name in names]
        return keys


def _standing(ended: bool) -> bytes:
    return b"ENDED" if ended else b"OPEN"
