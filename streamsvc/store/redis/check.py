"""Tries at the start what the store will need of its Redis, and says in one sentence what is not as it should be."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from pathlib import Path

from hiredis import ReplyError

from streamsvc.errors import StoreUnavailable
from streamsvc.store.redis.demands import CannotUse, judge, parse_info
from streamsvc.store.redis.dialer import Dialer
from streamsvc.store.redis.failures import CUT_OFF, Address, Redirected, code_of, failure_of
from streamsvc.store.redis.uri import RedisServers, places
from streamsvc.store.redis.wire import Reply, Wire

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
    """One look at a Redis, over connections of its own."""

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
            wire = await self._open(self._dialer, address)
        else:
            address, wire = await self._first(self._dialer)
        try:
            info = parse_info(await self._ask(wire, address, b"INFO"))
            warnings = judge(info, self._servers.mode, places([address]), min_replicas)
            if self._servers.mode == "cluster":
                await self._whole_cluster(wire, address)
            if info.get("aof_enabled") == "0" and await self._keeps_nothing(wire):
                warnings.append(
                    f"Redis at {places([address])} writes nothing to its disk (appendonly no, no save): "
                    "when it restarts all jobs are lost, but for what running ones can put back"
                )
        finally:
            wire.drop()
        await self._permissions(address)
        return warnings

    async def _first(self, dialer: Dialer) -> tuple[Address, Wire]:
        """Return the first of the servers that lets us in. Raises CannotUse for the last one."""
        *others, last = self._servers.hosts
        for address in others:
            try:
                return address, await self._open(dialer, address)
            except CannotUse:
                continue
        return last, await self._open(dialer, last)

    async def _open(self, dialer: Dialer, address: Address) -> Wire:
        try:
            return await dialer.dial(address)
        except StoreUnavailable as error:
            raise CannotUse(f"Redis at {places([address])} {_why(error, dialer.tls)}") from error

    async def _primary(self) -> Address:
        """Return where the Sentinels say the primary is."""
        address, wire = await self._first(self._sentinel_dialer)
        name = self._servers.master_name
        try:
            info = parse_info(await self._ask(wire, address, b"INFO", b"server"))
            if info.get("redis_mode") != "sentinel":
                raise CannotUse(f"Redis at {places([address])} is no Sentinel: correct its port, or write redis://")
            found = await self._ask(wire, address, b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", name.encode())
        finally:
            wire.drop()
        if found is None:
            raise CannotUse(f"the Sentinel at {places([address])} knows no {name!r}: correct the name in the URI")
        host, port = found
        return host.decode(), int(port)

    async def _ask(self, wire: Wire, address: Address, command: bytes, *words: bytes | int) -> Reply:
        """Return the reply to a command. Raises CannotUse, StoreUnavailable or Redirected."""
        reply = (await wire.ask((command, *words)))[0]
        if not isinstance(reply, ReplyError):
            return reply
        failure = failure_of(reply)
        if isinstance(failure, Redirected):
            raise failure
        if code_of(reply) == "NOPERM":
            raise CannotUse(self._forbidden(command.decode()))
        if isinstance(failure, StoreUnavailable):
            raise CannotUse(f"Redis at {places([address])} {_said(failure)}")
        raise CannotUse(f"Redis at {places([address])} refuses {command.decode()}: {reply}")

    async def _whole_cluster(self, wire: Wire, address: Address) -> None:
        info = parse_info(await self._ask(wire, address, b"CLUSTER", b"INFO"))
        if info.get("cluster_state") != "ok":
            raise CannotUse(f"the cluster of Redis at {places([address])} is not whole: see CLUSTER INFO there")

    async def _keeps_nothing(self, wire: Wire) -> bool:
        reply = (await wire.ask((b"CONFIG", b"GET", b"save")))[0]
        # Who may not ask is told nothing: many who rent a Redis may not.
        return isinstance(reply, list) and reply[1:] == [b""]

    async def _permissions(self, address: Address) -> None:
        """Try all commands and a subscription, in a cluster on the server that has the keys."""
        try:
            await self._permissions_at(address)
        except Redirected as redirected:
            host, port = redirected.address
            # Redirected again: slots are being moved just now, and there is nothing to find fault with.
            with suppress(Redirected):
                await self._permissions_at((host or address[0], port))

    async def _permissions_at(self, address: Address) -> None:
        stem = f"{self._prefix}:{{check}}:".encode()
        keys = [stem + kind for kind in (b"string", b"hash", b"stream", b"sorted")]
        wire = await self._open(self._dialer, address)
        try:
            failed = await self._ask(wire, address, b"EVAL", _SCRIPT.read_bytes(), len(keys), *keys, stem + b"bus")
            if failed:
                raise CannotUse(self._forbidden(failed[0].decode(errors="replace")))
            await self._ask(wire, address, b"SCAN", 0, b"COUNT", 1)
            await self._ask(wire, address, b"SSUBSCRIBE", stem + b"bus")
        finally:
            wire.drop()

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
