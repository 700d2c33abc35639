"""What is tried at the start: every Redis that cannot be used is one sentence with the way out, in bounded time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from streamsvc.store.redis import check as check_module
from streamsvc.store.redis.check import LIMIT, PERMISSIONS, check
from streamsvc.store.redis.demands import CannotUse
from streamsvc.store.redis.uri import RedisServers, parse
from tests.support.redis_process import HOST, RedisServer, free_port
from tests.support.redis_servers import RedisCluster, RedisSentinel, cluster, sentinel, shared, standalone
from tests.support.waiting import eventually

SECRET = "hunter2"
LUA = Path(check_module.__file__).parent / "lua"


async def refusal(servers: RedisServers | str, prefix: str = "ss") -> str:
    """Return why a Redis is refused, and see to it that this is one sentence, in time, without the password."""
    begun = time.monotonic()
    with pytest.raises(CannotUse) as refused:
        await check(parse(servers) if isinstance(servers, str) else servers, prefix=prefix)
    assert time.monotonic() - begun < LIMIT + 0.5
    message = str(refused.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


@pytest.fixture(scope="module")
def guarded() -> Iterator[RedisServer]:
    """A server with a password, and users who may do less."""
    users = [
        f"user enough on >{SECRET} ~ss:* resetchannels &ss:* {PERMISSIONS}",
        f"user scriptless on >{SECRET} ~ss:* resetchannels &ss:* +@all -@scripting",
        f"user deaf on >{SECRET} ~ss:* resetchannels &ss:* +@all -ssubscribe",
        f"user streamless on >{SECRET} ~ss:* resetchannels &ss:* +@all -xadd",
        f"user silent on >{SECRET} ~ss:* resetchannels +@all",
        f"user stranger on >{SECRET} ~other:* resetchannels &other:* +@all",
        f"user blind on >{SECRET} ~* &* +@all -info",
    ]
    with standalone(*users, password=SECRET) as server:
        yield server


@pytest.fixture(scope="module")
def encrypted() -> Iterator[RedisServer]:
    """A server that speaks TLS only."""
    with standalone(tls=True) as server:
        yield server


@pytest.fixture(scope="module")
def clustered() -> Iterator[RedisCluster]:
    """A cluster."""
    with cluster() as servers:
        yield servers


@pytest.fixture(scope="module")
def watched() -> Iterator[RedisSentinel]:
    """A primary behind a Sentinel."""
    with sentinel() as servers:
        yield servers


@asynccontextmanager
async def pretending(answer: Callable[[bytes], bytes]) -> AsyncIterator[str]:
    """Run what takes itself for a Redis, and give its URI. `answer` gets a command's name."""
    talking: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readline():
                words = []
                for _ in range(int(head[1:])):
                    length = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                writer.write(answer(words[0]))
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(lambda *pair: talking.add(asyncio.create_task(talk(*pair))), HOST, 0)
    try:
        yield f"redis://{HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)


def old(command: bytes) -> bytes:
    """Answer as a Redis of 2020."""
    info = b"# Server\r\nredis_version:6.2.0\r\nredis_mode:standalone\r\n"
    return b"$%d\r\n%b\r\n" % (len(info), info) if command == b"INFO" else b"+OK\r\n"


async def test_a_good_server_leaves_nothing_behind_and_only_its_disk_is_warned_of() -> None:
    (warning,) = await check(shared().servers, prefix="check-good")
    assert "appendonly" in warning
    assert shared().command("KEYS", "check-good*") == []
    await eventually(lambda: not shared().command("PUBSUB", "SHARDCHANNELS", "check-good*"))


@pytest.mark.parametrize("line", ["appendonly yes", "save 60 1"])
async def test_a_server_that_writes_to_its_disk_has_no_warning(line: str) -> None:
    with standalone(line) as server:
        assert await check(server.servers, prefix="ss") == []


async def test_who_may_not_ask_for_the_configuration_is_not_warned() -> None:
    with standalone("rename-command CONFIG ''") as server:
        assert await check(server.servers, prefix="ss") == []


async def test_nobody_there() -> None:
    assert "127.0.0.1:1 is not there" in await refusal("redis://127.0.0.1:1")
    assert "no.such.host.invalid" in await refusal("redis://no.such.host.invalid")


async def test_a_host_that_never_answers() -> None:
    with standalone() as server:
        server.freeze()
        assert "does not answer" in await refusal(server.uri)


async def test_seeds_that_never_answer_take_no_longer_than_one() -> None:
    with standalone() as server:
        server.freeze()
        message = await refusal(f"redis+cluster://{','.join([server.address] * 4)}")
        assert f"within {LIMIT:g} s" in message


async def test_a_password_that_is_wrong_or_missing_or_not_wanted(guarded: RedisServer) -> None:
    assert "refuses the user or the password" in await refusal(f"redis://:{SECRET}x@{guarded.address}")
    assert "refuses the user or the password" in await refusal(f"redis://nobody:{SECRET}@{guarded.address}")
    assert "asks for a password" in await refusal(f"redis://{guarded.address}")
    assert "without any password" in await refusal(f"redis://:{SECRET}@{shared().address}")


async def test_tls_where_there_is_none_and_the_other_way_round(encrypted: RedisServer) -> None:
    assert "write redis://" in await refusal(f"rediss://{shared().address}")
    assert "write rediss://" in await refusal(f"redis://{encrypted.address}")


async def test_a_certificate_that_is_not_trusted_or_no_certificate(encrypted: RedisServer) -> None:
    assert "redis_ca_file" in await refusal(f"rediss://{encrypted.address}")
    assert await check(encrypted.servers, prefix="ss")
    no_certificate = str(encrypted.directory / "redis.conf")
    assert "TLS" in await refusal(replace(encrypted.servers, ca_file=no_certificate))


async def test_a_server_that_wants_a_certificate() -> None:
    with standalone("tls-auth-clients yes", tls=True) as server:
        assert "redis_cert_file" in await refusal(server.servers)
        key_file = str(server.directory / "key.pem")
        assert await check(replace(server.servers, cert_file=server.ca_file, key_file=key_file), prefix="ss")


async def test_a_cluster_that_is_none_and_the_other_way_round(clustered: RedisCluster) -> None:
    assert "write redis://" in await refusal(f"redis+cluster://{shared().address}")
    assert "write redis+cluster://" in await refusal(clustered.nodes[0].uri)


async def test_a_cluster_is_good_wherever_its_keys_are_and_whoever_of_it_answers(clustered: RedisCluster) -> None:
    for node in clustered.nodes:
        seeds = (("127.0.0.1", 1), (HOST, node.port))
        assert await check(replace(clustered.servers, hosts=seeds), prefix="ss")


async def test_a_cluster_that_is_not_whole() -> None:
    with standalone("cluster-enabled yes", f"cluster-port {free_port()}") as node:
        assert "CLUSTER INFO" in await refusal(f"redis+cluster://{node.address}")


async def test_sentinels(watched: RedisSentinel) -> None:
    assert await check(watched.servers, prefix="ss")
    assert await check(replace(watched.servers, hosts=(("127.0.0.1", 1), *watched.servers.hosts)), prefix="ss")
    assert "knows no 'other'" in await refusal(replace(watched.servers, master_name="other"))
    assert "is no Sentinel" in await refusal(f"redis+sentinel://{watched.first.address}/main")
    assert "write redis+sentinel://" in await refusal(watched.sentinels[0].uri)
    assert watched.first.address in await refusal(watched.second.uri)


async def test_a_version_that_is_too_old() -> None:
    async with pretending(old) as uri:
        message = await refusal(uri)
    assert "6.2.0" in message
    assert "7.0" in message


async def test_what_breaks_off_or_says_nonsense() -> None:
    async with pretending(lambda _: b"-LOADING Redis is loading\r\n") as uri:
        assert "loading" in await refusal(uri)
    async with pretending(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as uri:
        assert "closes the connection" in await refusal(uri)


async def test_what_lets_us_in_and_then_says_nothing_or_breaks_off() -> None:
    async with pretending(lambda command: b"" if command == b"INFO" else b"+OK\r\n") as uri:
        assert f"within {LIMIT:g} s" in await refusal(uri)

    def breaks_off(command: bytes) -> bytes:
        if command == b"INFO":
            raise ConnectionAbortedError
        return b"+OK\r\n"

    async with pretending(breaks_off) as uri:
        assert "closed the connection" in await refusal(uri)


async def test_a_refusal_is_told_in_the_words_of_the_server() -> None:
    async with pretending(lambda command: b"-ERR so: no\r\n" if command == b"INFO" else b"+OK\r\n") as uri:
        assert "refuses INFO: ERR so: no" in await refusal(uri)
    async with pretending(lambda command: b"-BUSY a script\r\n" if command == b"INFO" else b"+OK\r\n") as uri:
        assert "is busy with a script" in await refusal(uri)


async def test_a_policy_that_throws_keys_away() -> None:
    with standalone("maxmemory 100mb", "maxmemory-policy allkeys-lru") as server:
        assert "noeviction" in await refusal(server.servers)
        server.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
        assert any("volatile-lru" in warning for warning in await check(server.servers, prefix="ss"))


@pytest.mark.parametrize(
    ("user", "missing"),
    [
        ("scriptless", "EVAL"),
        ("deaf", "SSUBSCRIBE"),
        ("streamless", "XADD"),
        ("silent", "SPUBLISH"),
        ("stranger", "EVAL"),
        ("blind", "INFO"),
    ],
)
async def test_a_user_who_may_not_do_what_is_needed(user: str, missing: str, guarded: RedisServer) -> None:
    message = await refusal(f"redis://{user}:{SECRET}@{guarded.address}")
    assert missing in message
    assert f"ACL SETUSER {user} ~ss:* &ss:*" in message


async def test_a_user_who_may_do_what_the_sentence_says_may_do_enough(guarded: RedisServer) -> None:
    await check(parse(f"redis://enough:{SECRET}@{guarded.address}"), prefix="ss")


async def test_a_server_whose_memory_is_full_can_be_used_to_read() -> None:
    with standalone("maxmemory 1mb", "maxmemory-policy noeviction") as server:
        assert await check(server.servers, prefix="ss")


def test_every_command_of_the_scripts_is_tried() -> None:
    used = {
        name
        for path in (*LUA.glob("job/*.lua"), *LUA.glob("index/*.lua"))
        for name in re.findall(r"redis\.p?call\('(\w+)'", path.read_text())
    }
    tried = set(re.findall(r"try\('(\w+)'", (LUA / "check.lua").read_text()))
    assert used
    assert used - tried == set()
