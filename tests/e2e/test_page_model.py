"""The page with a real model: two tabs show the answer as it comes, and at its end what the log says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.fleet import fleet
from tests.support.page import Answer, Shown, asks, before
from tests.support.redis_servers import shared

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

QUESTION = "Why is the sky blue? Answer in three short sentences."
END_MS = 60_000.0
"""How long an answer may take on a busy machine, in ms."""


async def test_two_tabs_show_what_the_model_said(model_url: str) -> None:
    async with (
        fleet(*2 * [shared().uri], environment=asks(model_url, "smollm2")) as instances,
        before([one.address for one in instances]) as there,
        await there.profile() as profile,
    ):
        first = await Shown.open(profile, there.envoy.tls_url)
        job_id, conversation = await first.ask(QUESTION, "Default model")
        second = await Shown.open(profile, there.envoy.tls_url, conversation)
        for tab in (first, second):
            await tab.said_something()
        await first.keep("model")
        # From the instance that did not write it, perhaps.
        state = await Answer(conversation, job_id, instances[1]).state()
        said = [_plain(part.text.text) for part in state.parts if part.HasField("text")]
        assert len("".join(said)) > len("Because.")
        for tab in (first, second):
            ended = f"[data-job='{job_id}'][data-status=ended][data-offset='{state.offset}']"
            await tab.page.wait_for_selector(ended, timeout=END_MS)
            shown = await tab.page.locator(f"{ended} .text").all_text_contents()
            assert ["".join(text.split()) for text in shown] == said
            assert await tab.page.locator(f"{ended} footer").inner_text() != ""


def _plain(markdown: str) -> str:
    """Return what a reader sees of it, without any white space."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    return "".join("".join(_texts(tokens)).split())


def _texts(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in ("text", "code_inline", "fence", "code_block"):
            yield token.content
        yield from _texts(token.children or [])
