"""`streamsvc serve`: what it says when it cannot start, and how it stops."""

from __future__ import annotations

import json
import sys

import pytest

from tests.support.commands import STREAMSVC, run, start
from tests.support.service import Service, health

pytestmark = pytest.mark.asyncio(loop_scope="session")

FREE = ("--listen", "127.0.0.1:0")


async def test_a_port_in_use_is_one_sentence_and_exit_one() -> None:
    async with await Service.start() as service:
        ran = await run(STREAMSVC, "serve", "--listen", service.address)
        assert ran.code == 1
        assert service.address in ran.sentence
        assert "--listen" in ran.sentence
        assert await health(service.address) == 1


@pytest.mark.parametrize(
    ("words", "named"),
    [(("--lease-ttl", "soon"), "lease_ttl"), (("--listen", "no.such.host.invalid:1"), "no.such.host.invalid:1")],
)
async def test_a_bad_setting_is_one_sentence_and_exit_one(words: tuple[str, ...], named: str) -> None:
    ran = await run(STREAMSVC, "serve", *words)
    assert ran.code == 1
    assert ran.sentence.startswith("streamsvc: ")
    assert named in ran.sentence


async def test_a_bad_file_is_one_sentence_and_exit_one() -> None:
    ran = await run(STREAMSVC, "serve", *FREE, file='lease_tll = "3s"\n')
    assert ran.code == 1
    assert "lease_tll" in ran.sentence


async def test_a_variable_that_looks_like_a_setting_is_warned_of() -> None:
    serving = await start(STREAMSVC, "serve", *FREE, environment={"STREAMSVC_LISTENN": "x", "STREAMSVC_TARGET": "y"})
    await serving.until("listening on")
    serving.interrupt()
    ran = await serving.ended()
    assert ran.code == 0
    warned = [line for line in ran.err.splitlines() if "WARNING" in line]
    assert len(warned) == 1
    assert "STREAMSVC_LISTENN" in warned[0]


async def test_its_log_can_be_lines_of_json() -> None:
    async with await Service.start({"log_format": "json"}) as service:
        assert await service.stop() == 0
        written = [json.loads(line) for line in service.log]
        assert {line["level"] for line in written} == {"info"}
        assert any("rpc" in line or "stopped" in line.get("message", "") for line in written)


async def test_who_has_no_upstream_does_not_import_what_speaks_to_it() -> None:
    code = "import sys, streamsvc.cli.serve; print({'openai', 'httpx'} & set(sys.modules))"
    assert (await run(sys.executable, "-c", code)).out == "set()\n"
