"""Real Redis for tests: one server, a cluster, a primary with a replica and Sentinels; ended with the `with` block."""

from __future__ import annotations

import atexit
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import Any

import redis.asyncio

from streamsvc.store.redis.uri import RedisServers, parse
from tests.support.redis_process import HOST, LIMIT, RedisServer, free_port, program, wait_for

DOWN_AFTER_MS = 1000
"""After how much silence a server of a cluster, or behind Sentinels, is taken for dead."""
MASTER_NAME = "main"


class RedisCluster:
    """A cluster: `nodes` in the order in which they were made, primaries first. Slots are spread evenly."""

    def __init__(self, nodes: list[RedisServer]) -> None:
        self.nodes = nodes

    @property
    def uri(self) -> str:
        """All nodes, as seeds."""
        return f"redis+cluster://{','.join(node.address for node in self.nodes)}"

    @property
    def servers(self) -> RedisServers:
        """The same as the store wants it."""
        return parse(self.uri)

    def client(self, **options: Any) -> redis.asyncio.RedisCluster:
        """Return a client of the whole. Replies are bytes. The caller closes it."""
        return redis.asyncio.RedisCluster(host=HOST, port=self.nodes[0].port, **options)

    def wait_until_ok(self) -> None:
        """Wait until every node that runs says that all slots are served."""
        running = [node for node in self.nodes if node.running]

        def ok() -> bool:
            return all("cluster_state:ok" in node.command("CLUSTER", "INFO") for node in running)

        wait_for(ok, "cluster_state:ok")


class RedisSentinel:
    """`first`, a primary at the start, its replica `second`, and the Sentinels that watch over them."""

    def __init__(self, first: RedisServer, second: RedisServer, sentinels: list[RedisServer]) -> None:
        self.first, self.second, self.sentinels = first, second, sentinels

    @property
    def uri(self) -> str:
        """The Sentinels, and the name by which they know the primary."""
        return f"redis+sentinel://{','.join(sentinel.address for sentinel in self.sentinels)}/{MASTER_NAME}"

    @property
    def servers(self) -> RedisServers:
        """The same as the store wants it."""
        return parse(self.uri)

    @property
    def primary(self) -> RedisServer:
        """The one that a Sentinel names just now."""
        _, port = self.sentinels[0].command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)
        return self.first if int(port) == self.first.port else self.second

    def wait_for_primary(self, server: RedisServer) -> None:
        """Wait until the first Sentinel names this server, and it takes writes."""
        wait_for(lambda: self.primary is server and server.command("ROLE")[0] == "master", "the failover")


def standalone(*lines: str, username: str = "", password: str = "", tls: bool = False) -> RedisServer:
    """Run one server while the `with` block lasts, without persistence unless a line says so. See RedisServer."""
    return RedisServer(*lines, username=username, password=password, tls=tls)


@cache
def shared() -> RedisServer:
    """Return a server that all tests of this process share, started when it is first asked for.

    Each test takes a prefix of its own, or flushes first.
    """
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(standalone())


@cache
def alone() -> RedisServer:
    """Return a server as `shared` does, for tests that count who is there: no instances stay on it between tests."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(standalone())


@cache
def shared_cluster() -> RedisCluster:
    """Return a cluster of three that all tests of this process share, as `shared`."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(cluster())


@contextmanager
def cluster(nodes: int = 3, *lines: str, replicas: int = 0) -> Iterator[RedisCluster]:
    """Run a cluster of so many primaries, each with so many replicas, and wait until all slots are served."""
    with ExitStack() as stack:
        made, seeds = [], []
        for _ in range(nodes * (1 + replicas)):
            bus_port = free_port()
            own = ("cluster-enabled yes", f"cluster-port {bus_port}", f"cluster-node-timeout {DOWN_AFTER_MS}")
            made.append(stack.enter_context(standalone(*own, *lines)))
            seeds.append(f"{made[-1].address}@{bus_port}")
        command = [program("redis-cli"), "--cluster", "create", *seeds, "--cluster-yes"]
        if replicas:
            command += ["--cluster-replicas", str(replicas)]
        subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)
        whole = RedisCluster(made)
        whole.wait_until_ok()
        for node in made[nodes:]:
            wait_for(partial(_follows, node), "a replica of the cluster")
        yield whole


@contextmanager
def sentinel(sentinels: int = 1, *lines: str) -> Iterator[RedisSentinel]:
    """Run a primary, a replica of it, and so many Sentinels; most of them must agree on a failover."""
    with ExitStack() as stack:
        first = stack.enter_context(standalone(*lines))
        second = stack.enter_context(standalone(*lines, f"replicaof {HOST} {first.port}"))
        wait_for(lambda: first.command("ROLE")[2], "the replica")
        watching = [stack.enter_context(_watching(first.port, sentinels // 2 + 1)) for _ in range(sentinels)]
        for one in watching:
            wait_for(partial(_knows_all, one, second, sentinels), "the Sentinels to know all")
        yield RedisSentinel(first, second, watching)


def _watching(primary_port: int, quorum: int) -> RedisServer:
    return RedisServer(
        f"sentinel monitor {MASTER_NAME} {HOST} {primary_port} {quorum}",
        f"sentinel down-after-milliseconds {MASTER_NAME} {DOWN_AFTER_MS}",
        f"sentinel failover-timeout {MASTER_NAME} {4 * DOWN_AFTER_MS}",
        sentinel=True,
    )


def _knows_all(one: RedisServer, replica: RedisServer, sentinels: int) -> bool:
    replicas = str(one.command("SENTINEL", "REPLICAS", MASTER_NAME))
    return str(replica.port) in replicas and len(one.command("SENTINEL", "SENTINELS", MASTER_NAME)) == sentinels - 1


def _follows(node: RedisServer) -> bool:
    return "connected" in node.command("ROLE")
