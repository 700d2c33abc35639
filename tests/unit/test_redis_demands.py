"""What a Redis must be, judged by its INFO."""

from __future__ import annotations

import pytest

from streamsvc.store.redis.demands import CannotUse, Info, judge
from streamsvc.store.redis.uri import Mode

GOOD: Info = {
    "redis_version": "7.0.15",
    "redis_mode": "standalone",
    "cluster_enabled": 0,
    "role": "master",
    "connected_slaves": 0,
    "loading": 0,
    "maxmemory": 0,
    "maxmemory_policy": "noeviction",
}


def test_a_good_server_has_no_warnings() -> None:
    assert judge(GOOD, "standalone", "h:1") == []
    assert judge(GOOD, "sentinel", "h:1") == []
    assert judge({**GOOD, "cluster_enabled": 1, "role": "slave"}, "cluster", "h:1") == []


REFUSED: list[tuple[Info, Mode, str]] = [
    ({"redis_version": "6.2.0"}, "standalone", "6.2.0"),
    ({"redis_version": "6.99"}, "standalone", "7.0 or newer"),
    ({"redis_version": "unknown"}, "standalone", "7.0 or newer"),
    ({"cluster_enabled": 1}, "standalone", "redis+cluster://"),
    ({"cluster_enabled": 1}, "sentinel", "redis+cluster://"),
    ({}, "cluster", "redis://"),
    ({"redis_mode": "sentinel"}, "standalone", "redis+sentinel://"),
    ({"role": "slave", "master_host": "p", "master_port": 2}, "standalone", "p:2"),
    ({"loading": 1}, "standalone", "loading"),
    ({"maxmemory": 100, "maxmemory_policy": "allkeys-lru"}, "standalone", "noeviction"),
]


@pytest.mark.parametrize(("fields", "mode", "way_out"), REFUSED)
def test_what_cannot_be_used_is_one_sentence_with_the_way_out(fields: Info, mode: Mode, way_out: str) -> None:
    with pytest.raises(CannotUse) as refused:
        judge({**GOOD, **fields}, mode, "h:1")
    assert way_out in str(refused.value)
    assert "h:1" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("version", ["7.0.0", "7.2.4", "8.0", "10.1.1", "255.255.255"])
def test_newer_versions_are_good(version: str) -> None:
    assert judge({**GOOD, "redis_version": version}, "standalone", "h:1") == []


@pytest.mark.parametrize(
    ("policy", "memory"), [("allkeys-lru", 0), ("volatile-ttl", 0), ("volatile-lru", 100), ("volatile-lfu", 1)]
)
def test_a_policy_that_may_throw_jobs_away_is_warned_of(policy: str, memory: int) -> None:
    (warning,) = judge({**GOOD, "maxmemory": memory, "maxmemory_policy": policy}, "standalone", "h:1")
    assert policy in warning
    assert "noeviction" in warning


def test_too_few_replicas_are_warned_of() -> None:
    (warning,) = judge({**GOOD, "connected_slaves": 1}, "standalone", "h:1", min_replicas=2)
    assert "redis_min_replicas" in warning
    assert judge({**GOOD, "connected_slaves": 2}, "standalone", "h:1", min_replicas=2) == []
    a_replica_of_a_cluster = {**GOOD, "cluster_enabled": 1, "role": "slave"}
    assert judge(a_replica_of_a_cluster, "cluster", "h:1", min_replicas=2) == []
