"""The mistakes that people make: each is one sentence that names the way out, and an exit code."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.commands import STREAMSVC, Ran, run, start
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = "127.0.0.1:1"
NO_UPSTREAM = """
[upstreams.local]
kind = "openai_chat"
base_url = "http://127.0.0.1:1/v1"
default_model = "m"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    async with await Service.start() as service:
        yield service.address


async def streamsvc(address: str, *words: str) -> Ran:
    return await run(STREAMSVC, *words, environment={"STREAMSVC_TARGET": address})


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("follow", "0198c2f4"), 1, "has 32 characters"),
        (("follow", "0" * 32), 1, "`streamsvc list` shows the jobs there are"),
        (("start", "x", "--producer", "opnai"), 1, "known: scripted; choose one of these with --producer"),
        (("start", "x", "--extra", "{tokens: 5}"), 2, "write a JSON object in single quotes"),
        (("start", "x", "--extra", '{"token": 5}'), 1, "known keys: tokens, rate"),
        (("start",), 2, "the prompt is empty"),
        (("start", ""), 2, "the prompt is empty"),
        (("start", "x", "--file", "no.txt"), 2, "there is no such file"),
        (("start", "x", "--file", sys.executable), 2, "is no text in UTF-8"),
        (("start", "x", "--label", "alone"), 2, "write KEY=VALUE"),
        (("start", "x", "--concurrency", "reject"), 2, "add --conversation ID"),
        (("list", "--target", ","), 2, "--target is empty"),
        (("health", "--service", "nonsense"), 1, "ask for live, store or"),
    ],
)
async def test_a_mistake_is_one_sentence_with_a_way_out(
    words: tuple[str, ...], code: int, said: str, address: str
) -> None:
    ran = await streamsvc(address, *words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.sentence


@pytest.mark.parametrize("words", [("start", "x"), ("follow", "0" * 32), ("list",), ("watch",), ("health",)])
async def test_a_service_that_does_not_run_is_said_soon(words: tuple[str, ...]) -> None:
    ran = await streamsvc(NOBODY, *words)
    assert ran.code == 1
    assert ran.sentence.startswith(f"streamsvc: no service answers at {NOBODY}: start one with `streamsvc serve`")


async def test_an_upstream_that_does_not_run_is_named() -> None:
    serving = await start(STREAMSVC, "serve", "--listen", "127.0.0.1:0", file=NO_UPSTREAM)
    try:
        await serving.until("listening on")
        found = re.search(r"listening on (\S+)", serving.err)
        assert found is not None
        ran = await streamsvc(found[1], "start", "why?")
    finally:
        serving.interrupt()
        assert (await serving.ended()).code == 0
    assert ran.code == 4
    assert "cannot be reached at http://127.0.0.1:1/v1" in ran.err
    assert "start it, or correct its base_url in the service's streamsvc.toml" in ran.err


async def test_where_the_service_is_is_no_unknown_setting_of_it() -> None:
    environment = {"STREAMSVC_TARGET": "127.0.0.1:1"}
    serving = await start(STREAMSVC, "serve", "--listen", "127.0.0.1:0", environment=environment)
    await serving.until("listening on")
    serving.interrupt()
    assert "STREAMSVC_TARGET" not in (await serving.ended()).err
