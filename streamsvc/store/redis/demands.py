"""What a Redis must be for logs to be kept in it, judged by what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamsvc.store.redis.uri import Mode

OLDEST = (7, 0)
"""Sharded Pub/Sub and scripts with flags came with this version."""


class CannotUse(Exception):
    """A Redis that cannot be used as it is; the message is one sentence that says what to change."""


Info = Mapping[str, Any]
"""The fields of a reply to INFO; what looks like a number is one."""


def judge(info: Info, mode: Mode, place: str, min_replicas: int = 0) -> list[str]:
    """Return what an operator should know of the server at `place` (HOST:PORT). Raises CannotUse."""
    reason = _refusal(info, mode)
    if reason:
        raise CannotUse(f"Redis at {place} {reason}")
    return [f"Redis at {place} {warning}" for warning in _warnings(info, min_replicas)]


def _refusal(info: Info, mode: Mode) -> str:
    """Return why it cannot be used, or nothing."""
    if info.get("redis_mode") == "sentinel":
        return "is a Sentinel: write redis+sentinel://host:port/master_name"
    version = str(info.get("redis_version", 0))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) < OLDEST:
        return f"has version {version}: {OLDEST[0]}.{OLDEST[1]} or newer is needed"
    clustered = info.get("cluster_enabled") == 1
    if mode == "cluster" and not clustered:
        return "is not part of a cluster: write redis:// or set use_redis_cluster to false"
    if mode != "cluster" and clustered:
        return "is part of a cluster: write redis+cluster:// or set use_redis_cluster to true"
    if mode != "cluster" and info.get("role") == "slave":
        return f"is a replica: name its primary, {info.get('master_host')}:{info.get('master_port')}, or the Sentinels"
    if info.get("loading") == 1:
        return "is loading its data: wait until it has done so"
    policy = info.get("maxmemory_policy", "")
    if policy.startswith("allkeys-") and info.get("maxmemory"):
        return f"throws keys away when its memory is full (maxmemory-policy {policy}): set it to noeviction"
    return ""


def _warnings(info: Info, min_replicas: int) -> list[str]:
    found = []
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        when = "when its memory is full" if info.get("maxmemory") else "once it has a maxmemory"
        text = f"throws keys away {when} (maxmemory-policy {policy}), and with them jobs: set it to noeviction"
        found.append(text)
    replicas = info.get("connected_slaves", 0)
    if info.get("role") == "master" and replicas < min_replicas:
        found.append(f"has {replicas} replicas: nothing can be stored until it has redis_min_replicas, {min_replicas}")
    return found
