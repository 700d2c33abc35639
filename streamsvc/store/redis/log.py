"""Logs in Redis: a stream a job with one entry an append, announced with its bytes in the same step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from streamsvc import codec
from streamsvc.log import Batch, Cursor, serves
from streamsvc.store.records import FINAL, Announcement, Chunk, Copy, Lease, LogLost, Unservable
from streamsvc.store.redis.context import Context
from streamsvc.store.redis.heard import Heard
from streamsvc.store.redis.keys import IndexPlace
from streamsvc.store.redis.replies import (
    accepted,
    announcement,
    chain_of,
    closes,
    granted,
    milliseconds,
    pack_chain,
    placed,
    step,
)
from streamsvc.store.redis.scripts import job_script
from streamsvc.v1 import job_pb2, state_pb2

PIECE_BYTES = 64 * 1024
"""How large the appends are that a restored log consists of: a read is at least one of them."""

RESTORES = 3
"""How often the beginning of a restore is looked for: only its own writer can move it meanwhile."""

_APPEND, _CHANGE, _TOUCH, _READ = map(job_script, ("append", "change", "touch", "read"))
_CHECKPOINT, _READ_CHECKPOINT, _RESTORE = map(job_script, ("checkpoint", "read_checkpoint", "restore"))


class RedisLog:
    """See `store.base.EventLog`."""

    def __init__(self, context: Context) -> None:
        self._link, self._keys, self._index = context.link, context.keys, context.index
        self._waiting = context.waiting
        self._keep_ms = milliseconds(context.safety_time)

    async def append(
        self, lease: Lease, batch: Batch, *, job: job_pb2.Job | None = None, notes: bytes | None = None
    ) -> Lease:
        keys = self._keys.job(lease.job_id)
        if job is None and notes is None:
            reply = await self._link.run(_APPEND, keys[:2], [step(lease, batch), batch.frames])
            if isinstance(reply, int):
                await self._link.run(_TOUCH, keys, [])
            return granted(lease, reply)
        message = b"" if job is None else job.SerializeToString()
        has_notes = b"" if notes is None else b"1"
        ends = b"" if job is None else closes(job)
        args = [step(lease, batch), batch.frames, message, ends, has_notes, notes or b""]
        reply = await self._link.run(_CHANGE, keys, args)
        if job is not None and isinstance(reply, list) and reply[0] == 1:
            await self._waiting.waits_no_more(job)
            reply = reply[1]
        renewed = granted(lease, reply)
        if job is not None:
            await self._changed(job, lease, batch.last, batch.time_ms)
            await self._index.look_in(IndexPlace.of(job), _looked_at(job, lease))
        return renewed

    async def read(self, job_id: str, cursor: Cursor, *, max_bytes: int) -> Chunk:
        keys = self._keys.job(job_id)[:2]
        reply = accepted(job_id, await self._link.fetch(_READ, keys, [b"%d" % cursor.offset, b"%d" % max_bytes]))
        end, epoch, packed, is_closed, base, last, frames = reply
        name, chain, closed = epoch.decode(), chain_of(packed), bool(is_closed)
        ahead_of_closed = closed and cursor.offset > end
        if ahead_of_closed or cursor.offset < base or not serves(cursor, name, chain):
            raise Unservable
        return Chunk(name, chain, cursor.offset, codec.after(frames, cursor.offset), last, end, closed)

    @asynccontextmanager
    async def watch(self, job_id: str) -> AsyncIterator[AsyncIterator[Announcement]]:
        async with self._link.hear(self._keys.bus(job_id)) as messages:
            yield Heard(messages, announcement)

    async def checkpoint(self, lease: Lease, state: state_pb2.JobState, *, trim: bool) -> None:
        job, log, _, checkpoint = self._keys.job(lease.job_id)
        head = b"%d %d %d %b" % (lease.fence, state.offset, trim, lease.epoch.encode())
        args = [head, _in_epoch(state, lease.epoch)]
        accepted(lease.job_id, await self._link.run(_CHECKPOINT, [job, log, checkpoint], args))

    async def read_checkpoint(self, job_id: str) -> state_pb2.JobState | None:
        job, _, _, checkpoint = self._keys.job(job_id)
        reply = accepted(job_id, await self._link.fetch(_READ_CHECKPOINT, [job, checkpoint], []))
        return None if reply is None else codec.decode_state(reply)

    async def restore(self, lease: Lease, copy: Copy) -> Lease:
        after = copy.after
        for _ in range(RESTORES):
            reply = await self._link.run(_RESTORE, self._keys.job(lease.job_id), self._told(lease, copy, after))
            match accepted(lease.job_id, reply):
                case [b"FROM", last]:
                    after = last
                case [b"BACK", cancel]:
                    await self._changed(copy.job, lease, copy.last, copy.time_ms)
                    await self._index.look_in(IndexPlace.of(copy.job), _looked_at(copy.job, lease))
                    return granted(lease, cancel)
                case cancel:
                    return granted(lease, cancel)
        raise LogLost

    def _told(self, lease: Lease, copy: Copy, after: int) -> Sequence[bytes]:
        """Return what restore.lua is told of a copy, of which only what follows `after` is wanted."""
        ttl = milliseconds(lease.ttl)
        numbers = (lease.fence, copy.after, copy.last, ttl, self._keep_ms, copy.time_ms, copy.losses)
        head = b" ".join([*(b"%d" % number for number in numbers), lease.epoch.encode()])
        state = b"" if copy.state is None else _in_epoch(copy.state, lease.epoch)
        job, chain = copy.job.SerializeToString(), pack_chain(copy.chain)
        kept = [b"%d" % after, job, chain, copy.digest, copy.request, copy.notes, state, closes(copy.job)]
        return [head, *kept, *_pieces(codec.after(copy.frames, after))]

    async def _changed(self, job: job_pb2.Job, lease: Lease, last: int, time_ms: int) -> None:
        stands = placed(job.SerializeToString(), lease.epoch, last, time_ms)
        await self._index.stands(stands, ended=job.status in FINAL)


def _looked_at(job: job_pb2.Job, lease: Lease) -> int:
    """Return after how many milliseconds to look at a job that was written just now."""
    return int(closes(job) or milliseconds(lease.ttl))


def _in_epoch(state: state_pb2.JobState, epoch: str) -> bytes:
    kept = state_pb2.JobState()
    kept.CopyFrom(state)
    kept.job.epoch = epoch
    return kept.SerializeToString()


def _pieces(frames: bytes) -> list[bytes]:
    """Return frames in pieces of whole frames, each as its last offset and its bytes."""
    pieces: list[bytes] = []
    begin = last = 0
    for offset, start, end in codec.spans(frames):
        if end - begin > PIECE_BYTES and start > begin:
            pieces += [b"%d" % last, frames[begin:start]]
            begin = start
        last = offset
    if begin < len(frames):
        pieces += [b"%d" % last, frames[begin:]]
    return pieces
