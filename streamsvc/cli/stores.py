"""The store that the settings name: tried, opened, and closed at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from streamsvc.backoff import Backoff
from streamsvc.cli.interrupts import Interrupts
from streamsvc.jobs.chance import Chance
from streamsvc.settings import BadSetting, Settings
from streamsvc.store.base import Store
from streamsvc.store.memory import MemoryStore
from streamsvc.store.redis.demands import CannotUse
from streamsvc.store.redis.uri import RedisServers, parse

log = logging.getLogger("streamsvc.serve")

_AGAIN = Backoff(initial=timedelta(seconds=1), maximum=timedelta(seconds=5))
_REMINDER_SECONDS = 30.0


def servers_of(settings: Settings) -> RedisServers | None:
    """Return the Redis that the settings name, with all that is needed to sign in; None for memory.

    Raises BadSetting.
    """
    if settings.store == "memory":
        return None
    servers = parse(settings.store)
    files = {name: getattr(settings, f"redis_{name}") for name in ("ca_file", "cert_file", "key_file")}
    for name, path in files.items():
        if path and not servers.tls:
            raise BadSetting(f"setting redis_{name}: without TLS it has no use: write rediss:// for redis://")
        if path and not Path(path).is_file():
            raise BadSetting(f"setting redis_{name}: there is no file {path}")
    return replace(
        servers,
        username=servers.username or settings.redis_username,
        password=servers.password or _secret(settings, "redis_password"),
        sentinel_username=settings.redis_sentinel_username,
        sentinel_password=_secret(settings, "redis_sentinel_password"),
        **files,
    )


async def usable(servers: RedisServers, settings: Settings, chance: Chance) -> bool:
    """Try the Redis, and log what an operator should know of it. False if a signal came before it could be used.

    Raises CannotUse, unless the settings say to wait.
    """
    with Interrupts() as interrupts:
        checking = asyncio.create_task(_until_usable(servers, settings, chance))
        interrupted = asyncio.create_task(interrupts.next())
        await asyncio.wait({checking, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        interrupted.cancel()
        if not checking.done():
            checking.cancel()
            await asyncio.wait({checking})
            return False
        for warning in checking.result():
            log.warning("%s", warning)
        return True


@asynccontextmanager
async def opened(settings: Settings, servers: RedisServers | None, chance: Chance) -> AsyncIterator[Store]:
    """Open the store: of that Redis, or in memory."""
    if servers is None:
        yield MemoryStore(
            clock=chance.clock,
            new_epoch=chance.new_epoch,
            safety_time=settings.safety_time,
            max_bytes=settings.memory_store_bytes,
        )
        return
    from streamsvc.store.redis.links import open_link
    from streamsvc.store.redis.store import RedisStore

    link = open_link(servers, min_replicas=settings.redis_min_replicas)
    store = RedisStore(
        link, new_epoch=chance.new_epoch, prefix=settings.redis_key_prefix, safety_time=settings.safety_time
    )
    try:
        yield store
    finally:
        await store.close()


async def _until_usable(servers: RedisServers, settings: Settings, chance: Chance) -> list[str]:
    # Only here: redis-py takes a tenth of a second to import, and a service that keeps its jobs in memory needs none.
    from streamsvc.store.redis.check import check

    attempt, said, said_at = 0, "", 0.0
    while True:
        try:
            return await check(servers, prefix=settings.redis_key_prefix, min_replicas=settings.redis_min_replicas)
        except CannotUse as cannot:
            if not settings.wait_for_store:
                raise
            if str(cannot) != said or chance.clock() - said_at > _REMINDER_SECONDS:
                said, said_at = str(cannot), chance.clock()
                log.warning("waiting for the store: %s", said)
        await asyncio.sleep(_AGAIN.delay(attempt, random=chance.random).total_seconds())
        attempt += 1


def _secret(settings: Settings, name: str) -> str:
    """Return a password, from its setting or from the file that another setting names."""
    path: str = getattr(settings, f"{name}_file")
    secret: str = getattr(settings, name).get_secret_value()
    if not path:
        return secret
    if secret:
        raise BadSetting(f"setting {name}_file: {name} is set as well: leave one of them out")
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"setting {name}_file: {path} cannot be read: {error}") from None
