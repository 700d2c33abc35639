"""The slots of a Redis Cluster, for tests: which node has a key, which follows it, and slots on their way."""

from __future__ import annotations

from redis.crc import key_slot

from tests.support.redis_process import RedisServer, wait_for
from tests.support.redis_servers import RedisCluster


class Move:
    """One slot on its way from its primary to another one."""

    def __init__(self, nodes: RedisCluster, key: bytes) -> None:
        self.slot = key_slot(key)
        primaries = [node for node in nodes.nodes if node.command("ROLE")[0] == "master"]
        self.source = owner(nodes, key)
        self.target, *self._others = [node for node in primaries if node is not self.source]

    def begin(self) -> None:
        """From here on, keys that do not exist at the source are asked for at the target."""
        self.target.command("CLUSTER", "SETSLOT", self.slot, "IMPORTING", name_of(self.source))
        self.source.command("CLUSTER", "SETSLOT", self.slot, "MIGRATING", name_of(self.target))

    def move_keys(self) -> None:
        """Move the keys that are there."""
        host, port = self.target.address.split(":")
        while keys := self.source.command("CLUSTER", "GETKEYSINSLOT", self.slot, 100):
            self.source.command("MIGRATE", host, port, "", 0, 5000, "KEYS", *keys)

    def end(self) -> None:
        """Make the target the owner, and wait until all have heard from it that it is.

        A node that hears the source's older message after it was told believes that one. It is put right by the
        target's newer epoch, but never if the source has got one newer still by then, with another slot.
        """
        nodes = (self.target, self.source, *self._others)
        for node in nodes:
            node.command("CLUSTER", "SETSLOT", self.slot, "NODE", name_of(self.target))
        wait_for(lambda: len({_epoch(node, self.target) for node in nodes}) == 1, "all nodes know the owner's epoch")


def name_of(node: RedisServer) -> str:
    """Return the name that a node has in its cluster."""
    return str(node.command("CLUSTER", "MYID"))


def owner(nodes: RedisCluster, key: bytes) -> RedisServer:
    """Return the primary that has a key, once all nodes agree on it: what was moved is told from node to node."""
    told: set[int] = set()

    def agreed() -> bool:
        told.clear()
        told.update(port for node in nodes.nodes if node.running for port in _owners(node, key_slot(key)))
        return len(told) == 1

    wait_for(agreed, "all nodes say the same of a slot")
    return next(node for node in nodes.nodes if node.port in told)


def _owners(node: RedisServer, slot: int) -> list[int]:
    """Return the port of the primary that has a slot, as a node sees it; of more than one while it moves, of none."""
    slots = node.command("CLUSTER", "SLOTS")
    return [port for first, last, (_, port, *_), *_ in slots if first <= slot <= last] or [0]


def _epoch(node: RedisServer, of: RedisServer) -> str:
    """Return the configuration epoch of one node as another one knows it."""
    lines = [line.split() for line in node.command("CLUSTER", "NODES").splitlines()]
    return next(str(line[6]) for line in lines if line[0] == name_of(of))


def replica_of(nodes: RedisCluster, primary: RedisServer) -> RedisServer | None:
    """Return the node that follows a primary."""
    return next(
        (node for node in nodes.nodes if node.command("ROLE")[:4] == ["slave", "127.0.0.1", primary.port, "connected"]),
        None,
    )
