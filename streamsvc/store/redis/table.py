"""The table of jobs in Redis: a hash a job, and lists and changes from the indexes of its owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from streamsvc.errors import JobNotFound
from streamsvc.log import Batch
from streamsvc.store.pages import Place, parse, token_of
from streamsvc.store.records import (
    Changes,
    Created,
    JobChange,
    JobPage,
    JobQuery,
    JobRecord,
    Lease,
    Outside,
    Scope,
)
from streamsvc.store.redis.context import Context
from streamsvc.store.redis.heard import Heard
from streamsvc.store.redis.keys import IndexPlace, digest
from streamsvc.store.redis.replies import accepted, given_away, milliseconds, pack_outside, placed, record
from streamsvc.store.redis.scripts import index_script, job_script
from streamsvc.v1 import job_pb2

AT_ONCE = 1000
"""How many places of an index are looked at in one call."""

CLAIM_TIME = timedelta(days=1)
"""How long a claim is kept. One that ends before its job does no harm: open jobs are looked for as well (ADR 5)."""

OPEN = frozenset({job_pb2.JOB_STATUS_PENDING, job_pb2.JOB_STATUS_RUNNING})

_CREATE, _GET, _CANCEL, _DELETE = map(job_script, ("create", "get", "cancel", "delete"))
_PAGE, _CHANGES, _CLAIM, _SAY = map(index_script, ("page", "changes", "claim", "say"))


class RedisTable:
    """See `store.base.JobTable`."""

    def __init__(self, context: Context) -> None:
        self._link, self._keys, self._index = context.link, context.keys, context.index
        self._waiting = context.waiting
        self._keep_ms = milliseconds(context.safety_time)
        self._tombstone_ms = milliseconds(context.tombstone_time)

    async def create(
        self,
        job: job_pb2.Job,
        request: bytes,
        first: Batch,
        *,
        digest: bytes,
        ttl: timedelta,
        outside: Outside | None = None,
        claim: str = "",
    ) -> Created:
        # Before the job: if this process dies in between, whoever looks there finds the job or nothing.
        grace = outside.claim_grace if outside else timedelta()
        await self._index.look_by(IndexPlace.of(job), milliseconds(ttl + grace))
        if outside is not None:
            await self._waiting.about_to_wait(job, milliseconds(ttl))
        numbers = (first.last, milliseconds(ttl), self._keep_ms, first.time_ms, first.epoch.encode())
        message = job.SerializeToString()
        head = b"%d %d %d %d %b" % numbers
        args = [head, first.frames, message, request, digest, pack_outside(outside), claim.encode()]
        reply = accepted(job.id, await self._link.run(_CREATE, self._keys.job(job.id), args))
        if reply is not None:
            return Created(await self.get(job.id), None)
        stands = placed(message, first.epoch, first.last, first.time_ms)
        await self._index.stands(stands, ended=False)
        created = JobRecord(stands, (), 1, outside=outside)
        if outside is not None:
            await self._waiting.waits(job, milliseconds(ttl))
        if not ttl:
            await self._link.run(_SAY, [self._keys.calls], [given_away(created)])
        return Created(created, Lease(job.id, first.epoch, 1, ttl))

    async def get(self, job_id: str) -> JobRecord:
        return record(accepted(job_id, await self._link.run(_GET, self._keys.job(job_id)[:1], [])))

    async def list(self, query: JobQuery) -> JobPage:
        key = self._listing(query)
        place = parse(query.page_token) if query.page_token else None
        found: list[job_pb2.Job] = []
        most = min(AT_ONCE, query.page_size + 1)
        while True:
            after = [] if place is None else [b"%d" % place.create_ms, place.job_id.encode()]
            flat = await self._link.run(_PAGE, [key], [b"%d" % most, *after])
            places = [Place(int(flat[i + 1]), flat[i].decode()) for i in range(0, len(flat), 2)]
            for job in await self._jobs(place.job_id for place in places):
                if job is not None and query.wants(job):
                    if len(found) == query.page_size:
                        newest = found[-1]
                        return JobPage(found, token_of(Place(newest.create_time.ToMilliseconds(), newest.id)))
                    found.append(job)
            if len(places) < most:
                return JobPage(found, "")
            place, most = places[-1], AT_ONCE

    async def request_cancel(self, job_id: str, reason: str) -> job_pb2.Job:
        reply = accepted(job_id, await self._link.run(_CANCEL, self._keys.job(job_id)[:1], [reason.encode()]))
        found = record(reply)
        if not found.closed:
            if found.outside is not None:
                await self._index.look_by(IndexPlace.of(found.job), 0)
            await self._link.run(_SAY, [self._keys.calls], [job_id.encode() + b" " + reason.encode()])
        return found.job

    async def delete(self, job_id: str) -> None:
        message = await self._link.run(_DELETE, self._keys.job(job_id), [b"%d" % self._tombstone_ms])
        if message is not None:
            place = IndexPlace.of(job_pb2.Job.FromString(message))
            await self._index.gone(place)
            await self._index.look_in(place, 0)

    async def changed_since(self, scope: Scope, token: str) -> Changes:
        owner = digest(scope.owner)
        keys = [self._keys.owner(owner, name) for name in ("open", "changed", "gone", "meta")]
        named, number = _parse_token(token)
        changed: dict[str, job_pb2.Job] = {}
        removed: list[str] = []
        while True:
            limits = (b"%d" % AT_ONCE, b"%d" % self._index.gone_ms)
            reply = await self._link.run(_CHANGES, keys, [named, number, *limits, self._index.new_name()])
            name, number, reset, more, ids, gone = reply
            job_ids = [job_id.decode() for job_id in ids]
            for job in await self._jobs(job_ids):
                if job is not None and scope.covers(job):
                    changed[job.id] = job
            removed += _removed(gone, scope)
            if not more:
                jobs = [job for job in changed.values() if (token and not reset) or job.status in OPEN]
                return Changes(jobs, removed, f"{name.decode()}-{number.decode()}", bool(reset))
            named = name

    async def claim(self, owner: str, conversation_id: str, job_id: str, *, over: str) -> str:
        key = self._keys.conversation(digest(owner), digest(conversation_id), "claim")
        args = [job_id.encode(), over.encode(), b"%d" % milliseconds(CLAIM_TIME)]
        holder = await self._link.run(_CLAIM, [key], args)
        return (holder or b"").decode()

    @asynccontextmanager
    async def watch_jobs(self, scope: Scope) -> AsyncIterator[AsyncIterator[JobChange]]:
        async with self._link.hear(self._keys.owner(digest(scope.owner), "bus")) as messages:
            yield Heard(messages, partial(_change, scope))

    def _listing(self, query: JobQuery) -> bytes:
        owner = digest(query.scope.owner)
        name = "open" if query.statuses and query.statuses <= OPEN else "jobs"
        if query.scope.conversation_id:
            return self._keys.conversation(owner, digest(query.scope.conversation_id), name)
        return self._keys.owner(owner, name)

    async def _jobs(self, job_ids: Iterable[str]) -> Sequence[job_pb2.Job | None]:
        return await asyncio.gather(*map(self._job, job_ids))

    async def _job(self, job_id: str) -> job_pb2.Job | None:
        try:
            return (await self.get(job_id)).job
        except JobNotFound:
            return None


def _parse_token(token: str) -> tuple[bytes, bytes]:
    """Return the name and the number of a token; the name of none that is anything else, and of nothing none."""
    name, _, number = token.rpartition("-")
    good = name.isascii() and number.isdecimal() and len(number) <= 16
    if good and name:
        return name.encode(), number.encode()
    return (b"?" if token else b""), b"0"


def _removed(gone: Sequence[bytes], scope: Scope) -> list[str]:
    entries = (entry.decode().split(" ") for entry in gone)
    return [job_id for job_id, conversation in entries if _meant(scope, conversation)]


def _meant(scope: Scope, conversation: str) -> bool:
    if scope.conversation_id is None:
        return True
    return conversation == (digest(scope.conversation_id) if scope.conversation_id else "")


def _change(scope: Scope, message: bytes | None) -> JobChange | None:
    """Return what was said on an owner's channel, if it is of the scope."""
    if message is None:
        return None
    head, _, job = message.partition(b"\n")
    job_id, _, conversation = head.decode().partition(" ")
    if not _meant(scope, conversation):
        return None
    return JobChange(job_id, job_pb2.Job.FromString(job) if job else None)
