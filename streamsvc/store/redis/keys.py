"""What the keys and channels of the Redis store are called, and on which of them a job's place depends.

All keys of a job have one hash tag, so have all of an owner: a script finds them on one server of a cluster. Names that
come from outside (owners, conversations) stand in keys as digests: of one length, and without characters of their own.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from streamsvc.v1 import job_pb2

DUE_SHARDS = 16
"""Over how many keys the jobs to look at are spread, so that in a cluster no server has them all."""


class JobKeys(NamedTuple):
    """The keys of a job. Its channel is `job` with `bus` at the end."""

    job: bytes
    log: bytes
    request: bytes
    checkpoint: bytes


class IndexPlace(NamedTuple):
    """Where a job stands in the indexes: all that is needed to find it there when the job itself is gone."""

    job_id: str
    owner: str
    conversation: str
    create_ms: int

    @classmethod
    def of(cls, job: job_pb2.Job) -> IndexPlace:
        """Return the place of a job."""
        conversation = digest(job.conversation_id) if job.conversation_id else ""
        return cls(job.id, digest(job.owner), conversation, job.create_time.ToMilliseconds())

    @classmethod
    def unpack(cls, packed: bytes) -> IndexPlace:
        """Return what `pack` packed."""
        job_id, owner, conversation, create_ms = packed.decode().split(" ")
        return cls(job_id, owner, conversation, int(create_ms))

    def pack(self) -> bytes:
        """Return the place as a member of an index."""
        return f"{self.job_id} {self.owner} {self.conversation} {self.create_ms}".encode()


def digest(name: str) -> str:
    """Return a short name for one that comes from outside."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


class Keys:
    """The names, all with one prefix, so that others may share the database."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.encode()

    def job(self, job_id: str) -> JobKeys:
        """Return the keys of a job."""
        stem = b"%b:{%b}:" % (self._prefix, job_id.encode())
        return JobKeys(stem + b"job", stem + b"log", stem + b"req", stem + b"state")

    def bus(self, job_id: str) -> bytes:
        """Return the channel on which a job's appends are announced."""
        return b"%b:{%b}:bus" % (self._prefix, job_id.encode())

    def owner(self, owner: str, name: str) -> bytes:
        """Return an index of an owner (by its digest): jobs, open, changed, gone, meta; or its channel, bus."""
        return b"%b:o:{%b}:%b" % (self._prefix, owner.encode(), name.encode())

    def conversation(self, owner: str, conversation: str, name: str) -> bytes:
        """Return an index of a conversation (both by their digests): jobs, open; or its claim."""
        return self.owner(owner, f"c:{conversation}:{name}")

    def due(self, job_id: str) -> bytes:
        """Return the index that says when to look at a job."""
        return self.due_shards()[int(digest(job_id), 16) % DUE_SHARDS]

    def due_shards(self) -> list[bytes]:
        """Return all the indexes that say when to look at jobs."""
        return [b"%b:{due-%d}:due" % (self._prefix, shard) for shard in range(DUE_SHARDS)]

    def waiting(self, producer: str) -> bytes:
        """Return the index of the jobs that a producer outside the service may claim."""
        return b"%b:{w-%b}:waiting" % (self._prefix, digest(producer).encode())

    def claimed(self, name: str) -> bytes:
        """Return the key of what a claim is about to get."""
        return b"%b:{%b}:claimed" % (self._prefix, digest(name).encode())

    @property
    def calls(self) -> bytes:
        """Return the channel on which all writers are called: to stop a job, to take one that was given away."""
        return b"%b:{calls}:bus" % self._prefix

    @property
    def jobs_pattern(self) -> bytes:
        """Return a pattern for the `job` keys of all jobs."""
        return b"%b:{%b}:job" % (self._prefix, b"[0-9a-f]" * 32)

    def job_id_of(self, job_key: bytes) -> str:
        """Return whose `job` key this is."""
        return job_key[len(self._prefix) + 2 : -5].decode()
