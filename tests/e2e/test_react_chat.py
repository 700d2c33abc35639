"""An ordinary useChat app whose transport is swapped: live in every tab, and in the end what the log says, exactly."""

from __future__ import annotations

import asyncio
import difflib
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from streamsvc.client import publishing
from streamsvc.v1 import content_pb2, event_pb2, job_pb2, job_service_pb2, state_pb2
from tests.support.events import scripted
from tests.support.fleet import fleet
from tests.support.page import Answer, Site, before
from tests.support.react_chat import BUILT, PAGE, Tab
from tests.support.redis_servers import shared
from tests.support.service import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_LINES = 15
DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chats() -> AsyncIterator[Site]:
    """The page before two instances, whose only producer counts words. Whoever kills an instance starts it again."""
    async with (
        fleet(*2 * [f"redis://{shared().address}"], environment={}) as instances,
        before([one.address for one in instances], instances, page=BUILT) as there,
    ):
        yield there


async def test_it_is_the_framework_s_own_page_but_for_a_few_lines() -> None:
    hello, chat = ((PAGE / name).read_text().splitlines() for name in ("hello.tsx", "chat.tsx"))
    added = [line for line in difflib.ndiff(hello, chat) if line.startswith("+ ")]
    assert len(added) <= MOST_LINES


async def test_all_kinds_of_parts_are_shown_as_they_come_and_after_a_load(chats: Site) -> None:
    answer = await Answer.begin(chats.instances[0], tokens=60, rate=60, rich=True)
    async with await chats.profile() as profile:
        tab = await Tab.open(profile, chats, answer.conversation)
        await tab.page.locator("[data-part=reasoning]").first.wait_for()
        await tab.page.locator("[data-part=tool-look_up][data-state=output-available]").first.wait_for()
        state = await answer.state()
        await tab.exactly([state])
        await tab.page.get_by_role("link", name="Source 3").wait_for()
        await tab.keep("all-kinds")
        late = await Tab.open(profile, chats, answer.conversation)
        await late.exactly([state])


async def test_a_file_and_a_replaced_text_are_shown_in_a_tab_that_was_there(chats: Site) -> None:
    chat_id = uuid.uuid4().hex
    text, other = (content_pb2.ContentPart(text=content_pb2.TextPart(text=said)) for said in ("No.", "Better."))
    picture = content_pb2.ContentPart(
        index=1, file=content_pb2.FilePart(url=DOT, media_type="image/gif"), completed=True
    )
    async with await chats.profile() as profile:
        tab = await Tab.open(profile, chats, chat_id)
        async with publishing(chats.instances[0].internal_address, conversation_id=chat_id) as pub:
            await pub.say(event_pb2.Event(part_started=event_pb2.PartStarted(part=text)))
            await tab.shows("No.")
            await pub.say(event_pb2.Event(part_replaced=event_pb2.PartReplaced(part=other)))
            await tab.shows("Better.")
            assert await tab.page.get_by_text("No.").count() == 0
            await pub.say(event_pb2.Event(part_started=event_pb2.PartStarted(part=picture)))
            await tab.page.locator("img").wait_for()
        await tab.exactly([await _state(chats, pub.job.id)])


async def test_a_question_is_in_both_tabs_and_stop_in_the_second_stops_the_job(chats: Site) -> None:
    chat_id = uuid.uuid4().hex
    async with await chats.profile() as profile:
        first, second = [await Tab.open(profile, chats, chat_id) for _ in range(2)]
        await first.ask("What is a river?")
        for tab in (first, second):
            await tab.said(5)
            await tab.shows("What is a river?")
        await first.keep("streaming")
        await second.press("Stop")
        (stopped,) = await _jobs(chats, chat_id)
        state = await Answer(chat_id, stopped.id, chats.instances[0]).state()
        assert state.job.status == job_pb2.JOB_STATUS_CANCELLED
        for tab in (first, second):
            await tab.exactly([state])
        await first.press("Regenerate")
        for tab in (first, second):
            await tab.said(5)
        await first.press("Stop")
        again, _ = await _jobs(chats, chat_id)
        state = await Answer(chat_id, again.id, chats.instances[0]).state()
        for tab in (first, second):
            await tab.exactly([state])


async def test_a_load_in_the_middle_of_an_answer_stops_nothing(chats: Site) -> None:
    chat_id = uuid.uuid4().hex
    async with await chats.profile() as profile:
        tab = await Tab.open(profile, chats, chat_id)
        await tab.ask("Say something long.")
        await tab.said(10)
        await tab.page.reload()
        await tab.said(20)
        (job,) = await _jobs(chats, chat_id)
        state = await Answer(chat_id, job.id, chats.instances[0]).state()
        assert state.job.status == job_pb2.JOB_STATUS_COMPLETED
        await tab.exactly([state])


async def test_a_network_that_goes_away_and_comes_back_is_not_seen(chats: Site) -> None:
    answer = await Answer.begin(chats.instances[0], tokens=150)
    async with await chats.profile() as profile:
        tab = await Tab.open(profile, chats, answer.conversation)
        await tab.said(30)
        await profile.set_offline(True)
        chats.network.swallow()
        state = await answer.state()
        chats.network.cut_all()
        await profile.set_offline(False)
        await tab.exactly([state])
        assert await tab.page.get_by_role("alert").count() == 0


async def test_an_approval_of_the_second_tab_goes_on_in_both(chats: Site) -> None:
    answer = await Answer.begin(chats.instances[0], tokens=3, rate=0, ask="approval")
    asking = await answer.state()
    async with await chats.profile() as profile:
        first, second = [await Tab.open(profile, chats, answer.conversation) for _ in range(2)]
        for tab in (first, second):
            await tab.page.get_by_role("button", name="Approve").wait_for()
        await first.keep("asked")
        await second.press("Approve")
        for tab in (first, second):
            await tab.page.locator("[data-state=output-available]").wait_for()
        await first.press("Stop")
        goes_on, _ = await _jobs(chats, answer.conversation)
        state = await Answer(answer.conversation, goes_on.id, chats.instances[0]).state()
        assert [given.decision for given in state.answers] == [content_pb2.INPUT_DECISION_APPROVE]
        for tab in (first, second):
            await tab.exactly([asking, state])
        await first.keep("approved")


async def test_of_two_tabs_that_decide_at_once_one_counts_and_both_follow_it(chats: Site) -> None:
    answer = await Answer.begin(chats.instances[0], tokens=3, rate=0, ask="approval")
    asking = await answer.state()
    async with await chats.profile() as profile:
        tabs = [await Tab.open(profile, chats, answer.conversation) for _ in range(2)]
        buttons = [
            tab.page.get_by_role("button", name=name) for tab, name in zip(tabs, ("Approve", "Reject"), strict=True)
        ]
        for button in buttons:
            await button.wait_for()
        await asyncio.gather(*[button.evaluate("(button) => button.click()") for button in buttons])
        for tab in tabs:
            await tab.said(8)
        await tabs[0].press("Stop")
        goes_on, _ = await _jobs(chats, answer.conversation)
        state = await Answer(answer.conversation, goes_on.id, chats.instances[0]).state()
        for tab in tabs:
            await tab.exactly([asking, state])
            assert await tab.page.get_by_role("alert").count() == 0


@pytest.mark.parametrize("recovery", ["CONTINUE", "RESTART"])
async def test_it_goes_on_when_the_instance_that_writes_is_killed(chats: Site, recovery: str) -> None:
    writer, other = chats.instances
    request = scripted(tokens=150, rate=50, pattern="count")
    request.recovery = job_service_pb2.RecoveryPolicy.Value(f"RECOVERY_POLICY_{recovery}")
    request.conversation_id = uuid.uuid4().hex
    async with client_of(writer.address) as client:
        job = await client.start_request(request)
    async with await chats.profile() as profile:
        tab = await Tab.open(profile, chats, request.conversation_id)
        await tab.said(40)
        await writer.kill()
        try:
            state = await Answer(request.conversation_id, job.id, other).state()
            assert state.job.attempt > 1
            await tab.exactly([state])
        finally:
            await writer.start()


async def _jobs(there: Site, chat_id: str) -> list[job_pb2.Job]:
    """Return the jobs of a chat, newest first."""
    async with client_of(there.instances[0].address) as client:
        return [job async for job in client.jobs(conversation_id=chat_id)]


async def _state(there: Site, job_id: str) -> state_pb2.JobState:
    async with client_of(there.instances[0].address) as client:
        return await client.state(job_id)
