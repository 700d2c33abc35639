"""Leases in Redis: granted and judged by the server's own clock, in the step that reads or writes the job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from streamsvc.store.records import Acquired, Claim, Lease, WriterCall
from streamsvc.store.redis.context import Context
from streamsvc.store.redis.heard import Heard
from streamsvc.store.redis.index import Due
from streamsvc.store.redis.keys import IndexPlace
from streamsvc.store.redis.replies import accepted, given_away, granted, milliseconds, record
from streamsvc.store.redis.scripts import index_script, job_script
from streamsvc.v1 import job_pb2

_ACQUIRE, _RENEW, _RELEASE, _LOOK = map(job_script, ("acquire", "renew", "release", "look"))
_SAY = index_script("say")
_STANDING = (b"OPEN", b"ENDED")


class RedisLeases:
    """See `store.base.Leases`."""

    def __init__(self, context: Context) -> None:
        self._link, self._keys, self._index = context.link, context.keys, context.index
        self._waiting = context.waiting
        self._new_epoch = context.new_epoch

    async def acquire(self, job_id: str, ttl: timedelta, *, claim: Claim | None = None) -> Acquired:
        how = b"" if claim is None else b"SEIZE" if claim.seizes else b"CLAIM"
        name = claim.name if claim else ""
        if name:
            await self._waiting.remember(name, job_id, ttl)
        args = [b"%d %b" % (milliseconds(ttl), self._new_epoch().encode()), how, name.encode()]
        reply = accepted(job_id, await self._link.run(_ACQUIRE, self._keys.job(job_id), args))
        found = record(reply)
        cancel, (handed_over, request, notes, left_ms) = reply[7], reply[9:13]
        await self._index.heal(found.job, ended=False)
        await self._index.look_in(IndexPlace.of(found.job), left_ms)
        lease = granted(Lease(job_id, found.job.epoch, found.fence, ttl), cancel)
        return Acquired(lease, found, bool(handed_over), request or b"", notes or b"")

    async def renew(self, lease: Lease, last: int) -> Lease:
        head = b"%d %d %d %b" % (lease.fence, last, milliseconds(lease.ttl), lease.epoch.encode())
        reply = accepted(lease.job_id, await self._link.run(_RENEW, self._keys.job(lease.job_id), [head]))
        message, cancel, ended, left_ms = reply
        job = job_pb2.Job.FromString(message)
        if await self._index.heal(job, ended=bool(ended)) or not ended:
            await self._index.look_in(IndexPlace.of(job), left_ms)
        return granted(lease, cancel)

    async def release(self, lease: Lease) -> None:
        head = b"%d %b" % (lease.fence, lease.epoch.encode())
        reply = await self._link.run(_RELEASE, self._keys.job(lease.job_id)[:1], [head])
        found = record(accepted(lease.job_id, reply))
        await self._index.stands(found.job, ended=False)
        await self._index.look_in(IndexPlace.of(found.job), 0)
        if found.outside is not None:
            await self._waiting.waits(found.job, 0)
        await self._link.run(_SAY, [self._keys.calls], [given_away(found)])

    async def abandoned(self, *, released: bool = False) -> Sequence[str]:
        await self._heal_some()
        due = await self._index.due()
        found = await asyncio.gather(*(self._look(one, released) for one in due))
        return [one.place.job_id for one, abandoned in zip(due, found, strict=True) if abandoned]

    async def waiting(self, producer: str, *, released: bool = False) -> Sequence[str]:
        return await self._waiting.find(producer, released=released)

    async def claimed(self, name: str) -> str:
        return await self._waiting.remembered(name)

    @asynccontextmanager
    async def watch_calls(self) -> AsyncIterator[AsyncIterator[WriterCall]]:
        async with self._link.hear(self._keys.calls) as messages:
            yield Heard(messages, _call)

    async def _look(self, due: Due, only_released: bool) -> bool:
        """Tell whether nobody holds a lease on a job, and say when it is to be looked at next."""
        reply = await self._link.run(_LOOK, self._keys.job(due.place.job_id)[:1], [])
        if reply[0] not in _STANDING:
            await self._index.forget(due)
            return False
        stands, left_ms, message, released, claimable = reply
        job = job_pb2.Job.FromString(message)
        await self._index.heal(job, ended=stands == b"ENDED")
        if claimable != b"":
            await self._waiting.waits(job, claimable)
        if stands == b"OPEN" and left_ms == 0:
            return bool(released) or not only_released
        await self._index.look_in(due.place, left_ms)
        return False

    async def _heal_some(self) -> None:
        """Look at a few of all jobs, whatever the indexes say: a failover may have lost a part of them."""
        keys = await self._link.scan(self._keys.jobs_pattern)
        await asyncio.gather(*(self._heal(self._keys.job_id_of(key)) for key in keys))

    async def _heal(self, job_id: str) -> None:
        reply = await self._link.run(_LOOK, self._keys.job(job_id)[:1], [])
        if reply[0] in _STANDING:
            stands, left_ms, message, _, claimable = reply
            job = job_pb2.Job.FromString(message)
            if claimable != b"":
                await self._waiting.waits(job, claimable)
            if await self._index.heal(job, ended=stands == b"ENDED"):
                await self._index.look_in(IndexPlace.of(job), left_ms)
            else:
                await self._index.look_by(IndexPlace.of(job), left_ms)


def _call(message: bytes | None) -> WriterCall | None:
    if message is None:
        return None
    text = message.decode()
    job_id, word, rest = text[:32], text[32:33], text[33:]
    if word == " ":
        return WriterCall(job_id, rest)
    return WriterCall(job_id, released=True, producer=rest)
