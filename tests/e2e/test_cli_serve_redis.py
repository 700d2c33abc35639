"""`streamsvc serve` and its Redis: what it says when it cannot start, waits when told to, and closes at the end."""

from __future__ import annotations

import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.support.calls import stub_of
from tests.support.commands import STREAMSVC, Ran, run, start
from tests.support.events import scripted
from tests.support.redis_process import HOST, RedisServer
from tests.support.redis_servers import shared, standalone
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

FREE = ("--listen", f"{HOST}:0")
SECRET = "hunter2"


async def refusal(*words: str, environment: dict[str, str] | None = None, file: str = "") -> str:
    """Return the one sentence with which the service refuses to start."""
    ran: Ran = await run(STREAMSVC, "serve", *FREE, *words, environment=environment, file=file)
    assert ran.code == 1
    assert ran.out == ""
    assert ran.sentence.startswith("streamsvc: ")
    assert SECRET not in ran.sentence
    return ran.sentence


async def test_a_redis_out_of_reach_is_one_sentence_and_exit_one() -> None:
    assert "127.0.0.1:1" in await refusal("--store", f"redis://:{SECRET}@127.0.0.1:1")


async def test_a_redis_that_never_answers_is_given_up_within_five_seconds() -> None:
    with socket.create_server((HOST, 0)) as silent:
        begun = time.monotonic()
        address = f"{HOST}:{silent.getsockname()[1]}"
        assert address in await refusal("--store", f"redis://{address}")
        assert time.monotonic() - begun < 6, "five seconds, and the time to start Python"


async def test_a_wrong_password_is_one_sentence() -> None:
    with standalone(password="another") as server:
        assert "password" in await refusal(
            environment={"USE_REDIS": "true", "REDIS_URI": f"redis://:{SECRET}@{server.address}"}
        )


async def test_a_bad_scheme_is_one_sentence() -> None:
    assert "redis+sentinel://" in await refusal(environment={"STREAMSVC_STORE": f"http://:{SECRET}@h"})
    assert "redis_uri" in await refusal(file=f'use_redis = true\nredis_uri = "{SECRET}"\n')


async def test_a_cluster_that_is_none_is_one_sentence() -> None:
    environment = {"USE_REDIS": "true", "REDIS_URI": shared().uri, "USE_REDIS_CLUSTER": "true"}
    assert "use_redis_cluster" in await refusal(environment=environment)


async def test_it_waits_for_a_redis_that_comes_later() -> None:
    server = RedisServer()
    serving = await start(STREAMSVC, "serve", *FREE, "--store", server.uri, "--wait-for-store")
    await serving.until("waiting for the store")
    assert "listening" not in serving.err
    with server:
        await serving.until("listening on")
        serving.interrupt()
        ran = await serving.ended()
    assert ran.code == 0
    assert ran.err.count("waiting for the store") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_waiting(number: signal.Signals) -> None:
    serving = await start(STREAMSVC, "serve", *FREE, "--store", "redis://127.0.0.1:1", "--wait-for-store")
    await serving.until("waiting for the store")
    serving.signal(number)
    ran = await serving.ended()
    assert ran.code == 0
    assert "Traceback" not in ran.err


async def test_it_says_which_store_it_has_and_what_may_be_lost_and_no_password(tmp_path: Path) -> None:
    with standalone(password=SECRET) as server:
        path = tmp_path / "password"
        path.write_text(f"{SECRET}\n")
        settings = {"store": f"redis://{server.address}", "redis_password_file": str(path)}
        async with await Service.start(settings) as service:
            assert f"store: redis://{server.address};" in service.text
            assert "appendonly no" in service.text
            async with stub_of(service.address) as stub:
                job = (await stub.StartGeneration(scripted(tokens=3, rate=0))).job
            assert server.command("KEYS", f"ss:{{{job.id}}}:*")
            assert await service.stop() == 0
            assert SECRET not in service.text


async def test_who_keeps_no_jobs_in_redis_does_not_import_its_libraries() -> None:
    code = "import sys, streamsvc.cli.main, streamsvc.cli.serve; print({'redis', 'hiredis'} & set(sys.modules))"
    assert (await run(sys.executable, "-c", code)).out == "set()\n"
