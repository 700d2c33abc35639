"""Scripts for tests of the connections, and a link that is closed again."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamsvc.store.redis.link import Link
from streamsvc.store.redis.links import open_link
from streamsvc.store.redis.scripts import Script
from streamsvc.store.redis.uri import RedisServers


def script_of(source: str) -> Script:
    """Return the script of this source."""
    code = source.encode()
    return Script("test", code, hashlib.sha1(code, usedforsecurity=False).hexdigest().encode())


ECHO = script_of("#!lua flags=no-writes\nreturn ARGV[1]")
PUSH = script_of("#!lua\nreturn redis.call('RPUSH', KEYS[1], ARGV[1])")
"""Returns the length of the list."""
ALL = script_of("#!lua flags=no-writes\nreturn redis.call('LRANGE', KEYS[1], 0, -1)")
TELL = script_of("#!lua\nreturn redis.call('SPUBLISH', KEYS[1], ARGV[1])")
"""Returns how many connections heard it."""
APPEND = script_of(
    """#!lua
    if redis.call('LLEN', KEYS[1]) + 1 == tonumber(ARGV[1]) then
        redis.call('RPUSH', KEYS[1], ARGV[1])
        redis.call('SPUBLISH', ARGV[2], ARGV[1])
    end
    return redis.call('LLEN', KEYS[1])
    """
)
"""Makes ARGV[1] the next entry, unless it is there, and tells of it on ARGV[2]. Returns the last entry."""


@asynccontextmanager
async def linked(servers: RedisServers, *, min_replicas: int = 0) -> AsyncIterator[Link]:
    """Open a link for the block."""
    link = open_link(servers, min_replicas=min_replicas)
    try:
        yield link
    finally:
        await link.close()
