"""Which jobs processes outside the service may claim, by the name of their producer.

The members of an index are looked at when their time comes: one that is held by then is moved, one that is gone is
removed. So renewals need not touch it, and it heals as the others do (docs/adr/0010-jobs-of-others.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from streamsvc.store.redis.keys import Keys
from streamsvc.store.redis.link import Link
from streamsvc.store.redis.replies import milliseconds
from streamsvc.store.redis.scripts import index_script, job_script
from streamsvc.v1 import job_pb2

AT_ONCE = 32
"""How many jobs are looked at in one call: enough that those who claim at the same time find one each."""

CREATING_MS = 10_000
"""How long a job that stands in the index may take to be created."""

_WAIT, _DUE, _REMEMBER, _REMEMBERED = map(index_script, ("wait", "due", "remember", "remembered"))
_LOOK = job_script("look")


class Waiting:
    """The indexes of all producers outside the service. `kept` is how long one is kept that nothing is added to."""

    def __init__(self, link: Link, keys: Keys, kept: timedelta) -> None:
        self._link = link
        self._keys = keys
        self._kept_ms = milliseconds(kept)

    async def about_to_wait(self, job: job_pb2.Job, delay_ms: int) -> None:
        """Take note of a job that is about to be created: whoever looks for it too early would remove it.

        If it is there already, it waits as it did.
        """
        await self._wait(job.producer, job.id, max(delay_ms, CREATING_MS), b"NX")

    async def waits(self, job: job_pb2.Job, delay_ms: int) -> None:
        """Take note that a job may be claimed after so long."""
        await self._wait(job.producer, job.id, delay_ms)

    async def waits_no_more(self, job: job_pb2.Job) -> None:
        """Take note that a job has ended."""
        await self._forget(job.producer, job.id)

    async def find(self, producer: str, *, released: bool) -> Sequence[str]:
        """See `Leases.waiting`."""
        due = await self._link.run(_DUE, [self._keys.waiting(producer)], [b"%d" % AT_ONCE])
        job_ids = [member.decode() for member in due[::2]]  # between them stands since when
        found = await asyncio.gather(*(self._look(producer, job_id, released) for job_id in job_ids))
        return [job_id for job_id, waits in zip(job_ids, found, strict=True) if waits]

    async def remember(self, name: str, job_id: str, ttl: timedelta) -> None:
        """Remember what a claim is about to get."""
        args = [job_id.encode(), b"%d" % milliseconds(ttl)]
        await self._link.run(_REMEMBER, [self._keys.claimed(name)], args)

    async def remembered(self, name: str) -> str:
        """See `Leases.claimed`."""
        found = await self._link.run(_REMEMBERED, [self._keys.claimed(name)], [])
        return (found or b"").decode()

    async def _look(self, producer: str, job_id: str, only_released: bool) -> bool:
        """Tell whether a job may be claimed, and say when it is to be looked at next."""
        reply = await self._link.run(_LOOK, self._keys.job(job_id)[:1], [])
        claimable = reply[4] if reply[0] == b"OPEN" else b""
        # A create that found another job of this id has left a member that is not the producer's.
        if not isinstance(claimable, int) or job_pb2.Job.FromString(reply[2]).producer != producer:
            await self._forget(producer, job_id)
            return False
        if claimable > 0:
            await self._wait(producer, job_id, claimable)
            return False
        return bool(reply[3]) or not only_released

    async def _wait(self, producer: str, job_id: str, delay_ms: int, *how: bytes) -> None:
        if producer:  # else nobody may ask for it
            args = [job_id.encode(), b"%d" % delay_ms, b"%d" % self._kept_ms, *how]
            await self._link.run(_WAIT, [self._keys.waiting(producer)], args)

    async def _forget(self, producer: str, job_id: str) -> None:
        if producer:
            await self._link.run(_WAIT, [self._keys.waiting(producer)], [job_id.encode(), b"", b""])
