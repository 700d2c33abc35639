"""Tries at the start what the store will need of its Redis, and says in one sentence what is not as it should be."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

from hiredis import ReplyError

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.console import Console
from streamsvc.store.redis.demands import CannotUse, judge
from streamsvc.store.redis.dialer import Dialer
from streamsvc.store.redis.failures import CUT_OFF, Address, Redirected, code_of, failure_of
from streamsvc.store.redis.uri import RedisServers, places

LIMIT = 5.0
"""How many seconds the whole may take."""

_SCRIPT = Path(__file__).parent / "lua" / "check.lua"

PERMISSIONS = "+@read +@write +@scripting +@pubsub +@connection +info +time +cluster|info +cluster|slots +role +wait"
"""What an ACL user must be allowed, besides the keys and channels under the prefix."""


async def check(servers: RedisServers, *, prefix: str, min_replicas: int = 0) -> list[str]:
    """Try a Redis, within `LIMIT` seconds, and return what an operator should know of it. Raises CannotUse."""
    try:
        async with asyncio.timeout(LIMIT):
            return await _Check(servers, prefix).run(min_replicas)
    except TimeoutError:
        raise CannotUse(f"Redis at {places(servers.hosts)} does not answer within {LIMIT:g} s") from None
    except StoreUnavailable as error:
        raise CannotUse(f"Redis at {places(servers.hosts)} {_said(error)}") from error


class _Check:
    """One look at a Redis. Each server is first reached as the store will reach it, then asked over a Console."""

    def __init__(self, servers: RedisServers, prefix: str) -> None:
        self._servers = servers
        self._prefix = prefix
        files = (servers.tls, servers.ca_file, servers.cert_file, servers.key_file)
        self._dialer = Dialer(servers.username, servers.password, servers.db, *files)
        self._sentinel_dialer = Dialer(servers.sentinel_username, servers.sentinel_password, 0, *files)

    async def run(self, min_replicas: int) -> list[str]:
        """See `check`."""
        if self._servers.mode == "sentinel":
            address = await self._primary()
            await self._reach(self._dialer, address)
        else:
            address = await self._first(self._dialer)
        async with Console(self._dialer, address) as console:
            info = await self._ask(console, "INFO")
            warnings = judge(info, self._servers.mode, console.place, min_replicas)
            if self._servers.mode == "cluster":
                await self._whole_cluster(console)
            if info.get("aof_enabled") == 0 and await self._keeps_nothing(console):
                warnings.append(
                    f"Redis at {console.place} writes nothing to its disk (appendonly no, no save): "
                    "when it restarts all jobs are lost, but for what running ones can put back"
                )
        await self._permissions(address)
        return warnings

    async def _first(self, dialer: Dialer) -> Address:
        """Return the first of the servers that lets us in. Raises CannotUse for the last one."""
        *others, last = self._servers.hosts
        for address in others:
            with suppress(CannotUse):
                await self._reach(dialer, address)
                return address
        await self._reach(dialer, last)
        return last

    async def _reach(self, dialer: Dialer, address: Address) -> None:
        try:
            wire = await dialer.dial(address)
        except StoreUnavailable as error:
            raise CannotUse(f"Redis at {places([address])} {_why(error, dialer.tls)}") from error
        wire.drop()

    async def _primary(self) -> Address:
        """Return where the Sentinels say the primary is."""
        name = self._servers.master_name
        async with Console(self._sentinel_dialer, await self._first(self._sentinel_dialer)) as console:
            info = await self._ask(console, "INFO", "server")
            if info.get("redis_mode") != "sentinel":
                raise CannotUse(f"Redis at {console.place} is no Sentinel: correct its port, or write redis://")
            found: Address | None = await self._ask(console, "SENTINEL GET-MASTER-ADDR-BY-NAME", name)
        if found is None:
            raise CannotUse(f"the Sentinel at {console.place} knows no {name!r}: correct the name in the URI")
        return found

    async def _ask(self, console: Console, command: str, *words: str | int) -> Any:
        """Return the answer to a command. Raises CannotUse, StoreUnavailable or Redirected."""
        try:
            return await console.ask(command, *words)
        except ReplyError as reply:
            failure = failure_of(reply)
            if isinstance(failure, Redirected):
                raise failure from None
            if code_of(reply) == "NOPERM":
                raise CannotUse(self._forbidden(command)) from None
            said = _said(failure) if isinstance(failure, StoreUnavailable) else f"refuses {command}: {reply}"
            raise CannotUse(f"Redis at {console.place} {said}") from None

    async def _whole_cluster(self, console: Console) -> None:
        info = await self._ask(console, "CLUSTER INFO")
        if info.get("cluster_state") != "ok":
            raise CannotUse(f"the cluster of Redis at {console.place} is not whole: see CLUSTER INFO there")

    async def _keeps_nothing(self, console: Console) -> bool:
        # Who may not ask is told nothing: many who rent a Redis may not.
        with suppress(ReplyError):
            return bool(await console.ask("CONFIG GET", "save") == {"save": ""})
        return False

    async def _permissions(self, address: Address) -> None:
        """Try all commands and a subscription, in a cluster on the server that has the keys."""
        try:
            await self._permissions_at(address)
        except Redirected as redirected:
            host, port = redirected.address
            there = (host or address[0], port)
            # Redirected again: slots are being moved just now, and there is nothing to find fault with.
            with suppress(Redirected):
                await self._reach(self._dialer, there)
                await self._permissions_at(there)

    async def _permissions_at(self, address: Address) -> None:
        stem = f"{self._prefix}:{{check}}:"
        keys = [stem + kind for kind in ("string", "hash", "stream", "sorted")]
        async with Console(self._dialer, address) as console:
            failed = await self._ask(console, "EVAL", _SCRIPT.read_text(), len(keys), *keys, stem + "bus")
            if failed:
                raise CannotUse(self._forbidden(failed[0]))
            await self._ask(console, "SCAN", 0, "COUNT", 1)
            await self._ask(console, "SSUBSCRIBE", stem + "bus")

    def _forbidden(self, what: str) -> str:
        user = self._servers.username or "default"
        return (
            f"the user {user!r} of Redis is not allowed all that is needed ({what}): "
            f"ACL SETUSER {user} ~{self._prefix}:* &{self._prefix}:* {PERMISSIONS}"
        )


def _why(error: StoreUnavailable, tls: bool) -> str:
    """Return what goes on after "Redis at HOST:PORT" when there is no connection to it."""
    cause = error.__cause__
    match cause:
        case ssl.SSLCertVerificationError():
            return f"shows a certificate that is not trusted ({cause.verify_message}): set redis_ca_file"
        case ssl.SSLError():
            return f"does not agree on TLS ({cause.reason}): if it speaks none, write redis:// for rediss://"
        case socket.gaierror():
            return "is not found: correct the name of the host"
        case ConnectionRefusedError():
            return "is not there: start it, or correct the address"
        case TimeoutError() if tls:
            return "does not answer: if it speaks no TLS, write redis:// for rediss://"
        case TimeoutError():
            return "does not answer: correct the address, or look what holds it up"
        case ReplyError():
            return f"does not let us in: {cause}"
        case OSError():
            return f"cannot be reached: {cause.strerror or cause}"
    if error.message == CUT_OFF:
        wish = "wants a certificate, set redis_cert_file" if tls else "speaks TLS, write rediss:// for redis://"
        return f"closes the connection: if it {wish}"
    return _said(error)


def _said(error: StoreUnavailable) -> str:
    """Return the same of a failure that the server, or its connection, told us."""
    if error.message == CUT_OFF:
        return "closed the connection"
    way_out = ": correct the user and the password" if "password" in error.message else ""
    return error.message.removeprefix("the store ") + way_out
