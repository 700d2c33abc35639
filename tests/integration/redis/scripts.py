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


ECHO = script_of("return ARGV[1]")
PUSH = script_of("return redis.call('RPUSH', KEYS[1], ARGV[1])")
"""Returns the length of the list."""
TELL = script_of("return redis.call('SPUBLISH', KEYS[1], ARGV[1])")
"""Returns how many connections heard it."""
ALL = script_of("return redis.call('LRANGE', KEYS[1], 0, -1)")


@asynccontextmanager
async def linked(servers: RedisServers) -> AsyncIterator[Link]:
    """Open a link for the block."""
    link = open_link(servers)
    try:
        yield link
    finally:
        await link.close()
