"""Where Redis is, as one word says it: `redis://`, `redis+cluster://` and `redis+sentinel://`, with TLS `rediss`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

Mode = Literal["standalone", "cluster", "sentinel"]

FORMS = (
    "redis://[user:password@]host[:port][/db], redis+cluster://host:port,host:port or "
    "redis+sentinel://host:port,host:port/master_name[/db], and rediss in place of redis for TLS"
)
_PORTS = {"standalone": 6379, "cluster": 6379, "sentinel": 26379}
_SCHEME = re.compile(r"redis(?P<tls>s?)(?:\+(?P<mode>cluster|sentinel))?")
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s\[\]:@]+)(?::(?P<port>\d{1,5}))?")
_NEXT_URI = re.compile(r",\s*(?=[a-z+]+://)")


@dataclass(frozen=True, slots=True)
class RedisServers:
    """One Redis: where its servers are, and how to sign in. `hosts` are (host, port).

    They are the server, seeds of a cluster, or the Sentinels that know where the server `master_name` is.
    """

    mode: Mode
    hosts: tuple[tuple[str, int], ...]
    tls: bool = False
    db: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    master_name: str = ""
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


def parse(text: str) -> RedisServers:
    """Return the servers of a URI. Raises ValueError, with a sentence that holds nothing of the URI.

    >>> parse("redis+sentinel://ada:secret@s1,s2:26380/main/2").hosts
    (('s1', 26379), ('s2', 26380))
    """
    scheme, _, rest = text.strip().partition("://")
    found = _SCHEME.fullmatch(scheme)
    if found is None:
        raise ValueError(f"write {FORMS}")
    mode: Mode = found["mode"] or "standalone"  # type: ignore[assignment] # the pattern knows no other
    authority, _, path = rest.partition("/")
    if re.search(r"[?#@]", path) or re.search(r"[?#]", authority):
        raise ValueError("nothing may follow the path, and / ? # @ in a password are written %2F %3F %23 %40")
    credentials, _, names = authority.rpartition("@")
    username, _, password = credentials.partition(":")
    hosts = tuple(_host(name.strip(), _PORTS[mode]) for name in names.split(","))
    if mode == "standalone" and len(hosts) > 1:
        raise ValueError("several hosts are a cluster or Sentinels: write redis+cluster:// or redis+sentinel://")
    master_name, db = _path(mode, path)
    return RedisServers(
        mode, hosts, bool(found["tls"]), db, unquote(username), unquote(password), master_name=unquote(master_name)
    )


def cluster_of(text: str) -> str:
    """Return the URI of the cluster whose seed nodes are several URIs joined by commas. Raises ValueError as `parse`.

    >>> cluster_of("redis://:secret@a:7001,redis://:secret@b:7002")
    'redis+cluster://:secret@a:7001,b:7002'
    """
    uris = [re.sub(r"^(rediss?)(\+cluster)?://", r"\1+cluster://", uri) for uri in _NEXT_URI.split(text.strip())]
    seeds = [parse(uri) for uri in uris]
    if any((seed.mode, seed.tls) != ("cluster", seeds[0].tls) for seed in seeds):
        raise ValueError("the seeds of a cluster are written alike, all as redis:// or all as rediss://")
    scheme, _, rest = uris[0].partition("://")
    credentials = rest.rpartition("@")[0]
    hosts = places([host for seed in seeds for host in seed.hosts])
    return f"{scheme}://{credentials}{'@' * bool(credentials)}{hosts}"


def several(text: str) -> bool:
    """Tell whether there are several servers and nothing says what they are: then they are seeds of a cluster."""
    uris = _NEXT_URI.split(text)
    return len(uris) > 1 or ("+" not in text.partition("://")[0] and "," in text.rpartition("@")[2])


def masked(text: str) -> str:
    """Return URIs joined by commas without whom and what they sign in with.

    >>> masked("redis://ada:secret@a:1,redis://b:2")
    'redis://***@a:1,redis://b:2'
    """
    return ",".join(re.sub(r"://.*@", "://***@", uri) for uri in _NEXT_URI.split(text))


def show(servers: RedisServers) -> str:
    """Return where the servers are, as a URI without secrets."""
    mode = "" if servers.mode == "standalone" else f"+{servers.mode}"
    path: Sequence[object] = [*filter(None, [servers.master_name]), *filter(None, [servers.db])]
    return "/".join([f"redis{'s' * servers.tls}{mode}://{places(servers.hosts)}", *map(str, path)])


def places(hosts: Sequence[tuple[str, int]]) -> str:
    """Return hosts and ports as they are written.

    >>> places([("::1", 6379), ("b", 7002)])
    '[::1]:6379,b:7002'
    """
    return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in hosts)


def _host(text: str, default_port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if found is None or int(found["port"] or default_port) not in range(1, 65536):
        raise ValueError("write each host as host, host:port or [address]:port, joined by commas")
    return found["host"].strip("[]"), int(found["port"] or default_port)


def _path(mode: Mode, path: str) -> tuple[str, int]:
    """Return the master's name and the database."""
    master_name, _, db = path.partition("/") if mode == "sentinel" else ("", "", path)
    if mode == "sentinel" and not master_name:
        raise ValueError("say which server: redis+sentinel://host:port,host:port/master_name")
    if not (db.isdecimal() or not db):
        raise ValueError("the database is a number, as in redis://host:6379/2")
    if mode == "cluster" and int(db or 0):
        raise ValueError("a cluster has the database 0 only: leave it out")
    return master_name, int(db or 0)
