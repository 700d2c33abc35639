"""The page follows answers that processes outside the service write, which are killed and started again meanwhile."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streamsvc.v1 import job_pb2, state_pb2
from tests.support import events
from tests.support.counting import counted
from tests.support.outside_process import internal, publisher, worker
from tests.support.page import MODELS, Answer, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

(SCRIPT,) = (model["extra"] for model in json.loads(MODELS.read_text()) if model["name"] == "Agent")
TOKENS, RATE = SCRIPT["tokens"], SCRIPT["rate"]
KILLS = 2
FURTHER = 25
"""How many words the page shows before it comes to the next kill."""


async def test_a_publisher_is_killed_twice_and_the_page_that_heard_of_its_job_shows_one_answer(there: Site) -> None:
    conversation, request_id = uuid.uuid4().hex, uuid.uuid4().hex
    targets = internal(*there.instances)
    async with open_at(there, conversation) as tab:
        # It has nothing to show yet: that there is a job is what the watch tells it.
        await tab.page.get_by_role("heading", name="What would you like to know?").wait_for()
        job_ids = set()
        for kill in range(KILLS):
            async with publisher(targets, request_id, TOKENS, RATE, conversation) as dying:
                job_ids.add(await dying.said("job"))
                await tab.said((kill + 1) * FURTHER)
                await dying.kill()
        async with publisher(targets, request_id, TOKENS, RATE, conversation) as last:
            job_ids.add(await last.said("job"))
            await tab.said((KILLS + 1) * FURTHER)
            await tab.status("live")
            await tab.keep("published")
            assert await last.ended() == 0
        (job_id,) = job_ids
        await one_answer(tab, await Answer(conversation, job_id, there.instances[1]).state())


async def test_a_worker_is_killed_twice_and_the_page_that_asked_it_shows_one_answer(there: Site) -> None:
    targets = internal(*there.instances)
    async with open_at(there) as tab:
        job_id, conversation = await tab.ask("Count, please", "Agent")
        for kill in range(KILLS):
            async with worker(targets) as dying:
                assert await dying.said("job") == job_id
                await tab.said((kill + 1) * FURTHER)
                await dying.kill()
        async with worker(targets) as last:
            assert await last.said("job") == job_id
            await tab.said((KILLS + 1) * FURTHER)
            await tab.status("live")
            await tab.keep("worked")
            assert await last.said("closed") == job_id
            state = await Answer(conversation, job_id, there.instances[1]).state()
        await one_answer(tab, state)


@asynccontextmanager
async def open_at(there: Site, conversation: str = "") -> AsyncIterator[Shown]:
    """Open a conversation in a tab that is never loaded anew."""
    async with await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url, conversation)
        await tab.page.evaluate("window.loadedOnce = true")
        yield tab
        assert await tab.page.evaluate("window.loadedOnce")


async def one_answer(tab: Shown, state: state_pb2.JobState) -> None:
    """Wait for the end: a count without a gap or a repeat in the log, and on the page exactly that."""
    assert (state.job.status, state.job.attempt) == (job_pb2.JOB_STATUS_COMPLETED, KILLS + 1)
    assert events.answer(state) == counted(TOKENS)
    await tab.exactly(state)
    assert await tab.words() == TOKENS
