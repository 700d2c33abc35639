"""Redis that loses what it has acknowledged, when a test says so: by a restart, and by two kinds of failover."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from streamsvc import ids
from tests.support.redis_process import RedisServer, wait_for
from tests.support.redis_servers import RedisCluster, cluster, sentinel, standalone
from tests.support.redis_slots import owner, replica_of

KINDS = ("restarted empty", "sentinel", "cluster")
FROZEN = ("sentinel, frozen", "cluster, frozen")
"""The primary does not die: it is stopped until its replica is promoted, and then goes on as if it were one."""


class Losing:
    """A Redis at `uri`, of which one primary fails. Without a `replica` it comes back empty.

    With one, the replica is promoted, and knows nothing of what was acknowledged after `keep_to_yourself`. A primary
    that is only `frozen` may be written to afterwards, until it is told.
    """

    def __init__(
        self, uri: str, primary: RedisServer, replica: RedisServer | None, nodes: RedisCluster | None, *, frozen: bool
    ) -> None:
        self.uri = uri
        self.primary = primary
        self.replica = replica
        self._nodes = nodes
        self.frozen = frozen
        self._numbers = count(1)

    def new_request_id(self) -> str:
        """Return the request_id of a job that the failing primary has."""
        while True:
            name = f"request {next(self._numbers)}"
            key = f"{{{ids.job_id_of_request('', 'anonymous', name)}}}".encode()
            if self._nodes is None or owner(self._nodes, key) is self.primary:
                return name

    def replicated(self) -> None:
        """Wait until the replica has all that the primary has acknowledged."""
        if self.replica is not None:
            wait_for(lambda: self.primary.command("WAIT", 1, 1000), "the replica")

    def keep_to_yourself(self) -> None:
        """Let no replica hear any more of what the primary is told."""
        if self.replica is not None:
            self.primary.command("ACL", "SETUSER", "default", "-psync", "-sync")
            self.primary.command("CLIENT", "KILL", "TYPE", "replica")

    def fail(self) -> None:
        """Kill the primary, or stop it until its replica is promoted."""
        replica = self.replica
        if replica is None:
            self.primary.kill()
            self.primary.start()
        elif self.frozen:
            self.primary.freeze()
            try:
                wait_for(lambda: replica.command("ROLE")[0] == "master", "the promotion")
            finally:
                self.primary.thaw()
        else:
            self.primary.kill()


@contextmanager
def losing(kind: str) -> Iterator[Losing]:
    """Run one of `KINDS`, or of `FROZEN`."""
    frozen = kind in FROZEN
    if kind.startswith("sentinel"):
        with sentinel() as watched:
            yield Losing(watched.uri, watched.first, watched.second, None, frozen=frozen)
    elif kind.startswith("cluster"):
        with cluster(3, replicas=1) as nodes:
            yield Losing(nodes.uri, nodes.nodes[0], replica_of(nodes, nodes.nodes[0]), nodes, frozen=frozen)
    else:
        with standalone() as alone:
            yield Losing(alone.uri, alone, None, None, frozen=False)
