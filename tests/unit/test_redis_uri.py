"""Where Redis is: every form of the URI, what is refused, and that nothing secret is shown."""

from __future__ import annotations

import pytest

from streamsvc.store.redis.uri import RedisServers, cluster_of, masked, parse, several, show

SECRET = "hunter2"

FORMS = [
    ("redis://h", RedisServers("standalone", (("h", 6379),))),
    ("redis://h:7000/3", RedisServers("standalone", (("h", 7000),), db=3)),
    ("redis://h/", RedisServers("standalone", (("h", 6379),))),
    ("  redis://h\n", RedisServers("standalone", (("h", 6379),))),
    ("rediss://h", RedisServers("standalone", (("h", 6379),), tls=True)),
    ("redis://[::1]:7000", RedisServers("standalone", (("::1", 7000),))),
    ("redis://ada:a%2Fb%40c@h", RedisServers("standalone", (("h", 6379),), username="ada", password="a/b@c")),
    ("redis://:a@b:c@h", RedisServers("standalone", (("h", 6379),), password="a@b:c")),
    ("redis://ada@h", RedisServers("standalone", (("h", 6379),), username="ada")),
    ("redis+cluster://a:1,b", RedisServers("cluster", (("a", 1), ("b", 6379)))),
    ("rediss+cluster://:x@a/0", RedisServers("cluster", (("a", 6379),), tls=True, password="x")),
    ("redis+sentinel://a,b:1/main", RedisServers("sentinel", (("a", 26379), ("b", 1)), master_name="main")),
    (
        "rediss+sentinel://ada:x@a/main/2",
        RedisServers("sentinel", (("a", 26379),), tls=True, db=2, username="ada", password="x", master_name="main"),
    ),
]


@pytest.mark.parametrize(("text", "servers"), FORMS)
def test_every_form_names_its_servers(text: str, servers: RedisServers) -> None:
    assert parse(text) == servers


BAD = [
    ("", "redis+sentinel://"),
    (SECRET, "redis+sentinel://"),
    (f"http://:{SECRET}@h", "redis+sentinel://"),
    (f"redis+ring://:{SECRET}@h", "redis+sentinel://"),
    (f"REDIS://:{SECRET}@h", "redis+sentinel://"),
    ("redis://", "host:port"),
    (f"redis://:{SECRET}@", "host:port"),
    (f"redis://:{SECRET}@h:port", "host:port"),
    (f"redis://:{SECRET}@h:0", "host:port"),
    (f"redis://:{SECRET}@h:65536", "host:port"),
    (f"redis+cluster://:{SECRET}@a,,b", "host:port"),
    (f"redis://:{SECRET}/x@h", "%2F"),
    (f"redis://:{SECRET}#x@h", "%23"),
    (f"redis://:{SECRET}@h/0?timeout=3", "nothing may follow"),
    (f"redis://:{SECRET}@h/main", "the database is a number"),
    (f"redis://:{SECRET}@a,b", "redis+cluster://"),
    (f"redis+cluster://:{SECRET}@a/1", "database 0"),
    (f"redis+sentinel://:{SECRET}@a", "master_name"),
    (f"redis+sentinel://:{SECRET}@a/main/x", "the database is a number"),
]


@pytest.mark.parametrize(("text", "way_out"), BAD)
def test_what_is_no_uri_is_refused_with_the_way_out_and_without_the_password(text: str, way_out: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse(text)
    assert way_out in str(refused.value)
    assert "\n" not in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "cluster"),
    [
        ("redis://a:1", "redis+cluster://a:1"),
        ("redis+cluster://a:1,b:2", "redis+cluster://a:1,b:2"),
        ("redis://a,b:2", "redis+cluster://a:6379,b:2"),
        (f"rediss://:{SECRET}@a:1, rediss://:{SECRET}@b:2/0", f"rediss+cluster://:{SECRET}@a:1,b:2"),
        ("redis://:x,y@a:1,redis://:x,y@[::1]:2", "redis+cluster://:x,y@a:1,[::1]:2"),
    ],
)
def test_several_uris_are_one_of_a_cluster(text: str, cluster: str) -> None:
    assert cluster_of(text) == cluster
    assert parse(cluster).mode == "cluster"


@pytest.mark.parametrize("text", [f"redis://:{SECRET}@a,rediss://b", "redis+sentinel://a/main", "a:1,b:2"])
def test_what_cannot_be_seeds_of_one_cluster_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="redis") as refused:
        cluster_of(text)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("redis://a", False),
        ("redis://:x,y@a", False),
        ("redis://a,b", True),
        ("redis://:x@a,redis://:x@b", True),
        ("redis+sentinel://a,b/main", False),
        ("redis+cluster://a,b", False),
    ],
)
def test_several_servers_are_seeds_unless_the_uri_says_what_they_are(text: str, more: bool) -> None:
    assert several(text) == more


@pytest.mark.parametrize("text", [text for text, _ in FORMS] + [f"redis://ada:{SECRET}@a,redis://:{SECRET}@b:2"])
def test_a_uri_is_masked_whatever_is_in_it(text: str) -> None:
    shown = masked(text)
    assert SECRET not in shown
    assert shown.count("@") == shown.count("***@")
    assert [part.rpartition("@")[2] for part in text.split(",redis")] == [
        part.rpartition("@")[2] for part in shown.split(",redis")
    ]


@pytest.mark.parametrize(("text", "servers"), FORMS)
def test_where_the_servers_are_is_shown_without_secrets_and_means_the_same(text: str, servers: RedisServers) -> None:
    again = parse(show(servers))
    assert (again.mode, again.hosts, again.tls, again.db, again.master_name) == (
        servers.mode,
        servers.hosts,
        servers.tls,
        servers.db,
        servers.master_name,
    )
    assert again.username == again.password == ""


def test_no_password_is_in_its_repr() -> None:
    assert SECRET not in repr(parse(f"redis://:{SECRET}@h"))
