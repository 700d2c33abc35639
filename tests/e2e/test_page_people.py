"""The page asks people: in every tab, once, whatever the connection does, and then goes on as one conversation."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from playwright.async_api import Locator, Route

from streamsvc.v1 import content_pb2, job_pb2, state_pb2
from tests.support.asking_agent import ASKING, LETTER, asking, letter, question
from tests.support.chats import chunk
from tests.support.page import Answer, Shown, Site
from tests.support.service import client_of
from tests.support.upstream import done, sse

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "Write to Ada, please."
LONG = "It rained for days, and the river came up to the third stone of the bridge. " * 40


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_an_approval_of_the_second_tab_is_in_the_first_and_both_go_on(there: Site, scheme: str) -> None:
    # Over plain HTTP the second tab hears of everything through the first.
    url = there.envoy.tls_url if scheme == "https" else there.envoy.url
    async with await there.profile() as profile:
        first = await Shown.open(profile, url)
        asked_by, conversation = await first.ask(QUESTION, "Scripted, asks first")
        second = await Shown.open(profile, url, conversation)
        for tab in (first, second):
            await ask_of(tab).get_by_role("button", name="Approve").wait_for()
        await first.keep("asked")
        await ask_of(first).get_by_label("Comment").focus()
        await ask_of(second).get_by_role("button", name="Approve").click()
        for tab in (first, second):
            await ask_of(tab).get_by_text("Approved", exact=True).wait_for()
            assert await ask_of(tab).get_by_role("button").count() == 0
            await tab.page.locator(".goes-on .text").wait_for()
        # What had the keyboard's attention is gone, but it need not begin at the top of the page again.
        assert await ask_of(first).evaluate("(section) => section === document.activeElement")
        await first.keep("approved")
        (goes_on,) = await after(there, conversation, asked_by)
        await first.page.get_by_role("button", name="Stop").click()
        state = await Answer(conversation, goes_on.id, there.instances[0]).state()
        for tab in (first, second):
            await tab.exactly(state)


async def test_of_two_tabs_that_decide_at_once_one_counts_and_both_show_it(there: Site) -> None:
    async with asking(there, letter()), await there.profile() as profile, await there.profile() as elsewhere:
        first = await Shown.open(profile, there.envoy.tls_url)
        asked_by, conversation = await first.ask(QUESTION, "Agent")
        second = await Shown.open(elsewhere, there.envoy.tls_url, conversation)
        await leave_together(first, second)
        for tab, button in ((first, "Approve"), (second, "Reject")):
            await ask_of(tab).get_by_role("button", name=button).click()
        state = await goes_on_with(there, first, asked_by)
        (answered,) = state.answers
        approved = answered.decision == content_pb2.INPUT_DECISION_APPROVE
        words = "Approved" if approved else "Rejected"
        won, lost = (first, second) if approved else (second, first)
        await ask_of(won).get_by_text(words, exact=True).wait_for()
        await ask_of(lost).get_by_text(f"Answered in another tab: {words.lower()}").wait_for()
        for tab in (won, lost):
            await tab.exactly(state)
        await lost.keep("lost")


async def test_a_reload_finds_the_question_open_and_later_what_was_decided(there: Site) -> None:
    async with asking(there, letter()), await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url)
        asked_by, _ = await tab.ask(QUESTION, "Agent")
        await ask_of(tab).get_by_role("button", name="Reject").wait_for()
        await tab.page.reload()
        await ask_of(tab).get_by_label("Comment").fill("Not before Monday.")
        await ask_of(tab).get_by_role("button", name="Reject").click()
        state = await goes_on_with(there, tab, asked_by)
        assert said(state) == "REJECT Not before Monday."
        for _ in range(2):
            await ask_of(tab).get_by_text("Rejected: Not before Monday.").wait_for()
            await tab.exactly(state)
            assert await ask_of(tab).get_by_role("button").count() == 0
            await tab.page.reload()


async def test_the_next_question_is_asked_after_all_that_was_said_before_and_after_the_decision(there: Site) -> None:
    upstream = there.upstream.expect(sse(chunk(content="You are welcome."), chunk("stop")), done())
    async with asking(there, letter()), await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url)
        asked_by, _ = await tab.ask(QUESTION, "Agent")
        await ask_of(tab).get_by_role("button", name="Approve").click()
        await tab.exactly(await goes_on_with(there, tab, asked_by))
        await tab.page.get_by_label("Model").select_option("Default model")
        await tab.page.get_by_label("Your question").fill("Thank you.")
        await tab.page.keyboard.press("Enter")
        await tab.page.get_by_text("You are welcome.").wait_for()
    said_before = [(message["role"], message["content"]) for message in upstream.body["messages"]]
    assert said_before == [
        ("user", QUESTION),
        ("assistant", ASKING),
        ("assistant", "APPROVE"),
        ("user", "Thank you."),
    ]


async def test_an_answer_without_a_network_is_sent_once_when_it_is_back(there: Site) -> None:
    async with asking(there, letter()), await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url)
        asked_by, conversation = await tab.ask(QUESTION, "Agent")
        await ask_of(tab).get_by_role("button", name="Approve").wait_for()
        await profile.set_offline(True)
        there.network.cut_all()
        await tab.status("reconnecting")
        await ask_of(tab).get_by_role("button", name="Approve").click()
        await tab.page.get_by_text("Not sent yet. It goes out as soon as there is a connection.").wait_for()
        assert await ask_of(tab).get_by_role("button", name="Approve").is_disabled()
        await tab.keep("not-sent")
        assert await after(there, conversation, asked_by) == []
        await profile.set_offline(False)
        await ask_of(tab).get_by_text("Approved", exact=True).wait_for()
        await tab.exactly(await goes_on_with(there, tab, asked_by))


async def test_arguments_are_edited_by_the_keyboard_alone_and_kept_as_they_were_written(there: Site) -> None:
    async with asking(there, letter()), await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url)
        asked_by, _ = await tab.ask(QUESTION, "Agent")
        edit = ask_of(tab).get_by_role("button", name="Edit")
        await edit.focus()
        await tab.page.keyboard.press("Enter")
        await tab.page.keyboard.press("Escape")
        await tab.page.wait_for_function("() => document.activeElement.textContent === 'Edit'")
        await tab.page.keyboard.press("Enter")
        arguments = ask_of(tab).get_by_label("Arguments").and_(tab.page.locator("textarea"))
        await tab.page.wait_for_function("() => document.activeElement.tagName === 'TEXTAREA'")
        await tab.page.keyboard.press("Control+End")
        await tab.page.keyboard.type(",")
        await tab.page.get_by_text("This is no JSON").wait_for()
        approve = ask_of(tab).get_by_role("button", name="Approve changes")
        assert await approve.is_disabled()
        await tab.keep("no-json")
        await tab.page.keyboard.press("Backspace")
        await arguments.fill((await arguments.input_value()).replace("Ada", "Grace"))
        await tab.page.keyboard.press("Tab")
        await tab.page.keyboard.press("Tab")
        await tab.page.keyboard.press("Enter")
        state = await goes_on_with(there, tab, asked_by)
        (answered,) = state.answers
        assert json.loads(answered.json) == json.loads(LETTER.replace("Ada", "Grace"))
        assert "12345678901234567890" in answered.json
        await ask_of(tab).get_by_text("Approved with changes").wait_for()
        # Not at the top of the page again.
        assert await ask_of(tab).evaluate("(section) => section === document.activeElement")
        await tab.keep("edited")


KINDS: list[tuple[object, str, str]] = [
    (None, "words", '"By the \\"old\\" bridge"'),
    ({"type": "string", "enum": ["north", "south"]}, "south", '"south"'),
    ({"type": "boolean"}, "Yes", "true"),
    ({"type": "integer", "minimum": 1, "maximum": 9}, "number", "7"),
]


async def test_questions_of_all_kinds_are_answered_together(there: Site) -> None:
    questions = [question(f"Question {place}?", schema) for place, (schema, _, _) in enumerate(KINDS)]
    async with asking(there, *questions), await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url)
        asked_by, _ = await tab.ask(QUESTION, "Agent")
        for place, (_, how, _) in enumerate(KINDS):
            asked = tab.page.get_by_role("region", name=f"Question {place}?")
            answer = asked.get_by_role("button", name="Answer")
            await answer.wait_for()
            assert await answer.is_disabled()
            await _fill(asked, how)
            if place == 2:
                await tab.keep("questions")
            await answer.click()
            if place == 0:
                await asked.get_by_role("button", name="Change").click()
                await answer.click()
        state = await goes_on_with(there, tab, asked_by)
        assert [answer.json for answer in state.answers] == [wanted for _, _, wanted in KINDS]
        for said_back in ('By the "old" bridge', "south", "Yes", "7"):
            await tab.page.locator(".said").get_by_text(said_back, exact=True).wait_for()
        await tab.exactly(state)


async def _fill(asked: Locator, how: str) -> None:
    if how == "words":
        await asked.get_by_role("textbox").fill('By the "old" bridge')
    elif how == "number":
        await asked.get_by_role("spinbutton").fill("10")
        assert await asked.get_by_role("button", name="Answer").is_disabled()
        await asked.get_by_role("spinbutton").fill("7")
    else:
        await asked.get_by_label(how, exact=True).check()


async def test_long_texts_fit_on_a_narrow_screen_in_both_themes(there: Site) -> None:
    arguments = json.dumps({"to": "Ada", "text": LONG, "x" * 300: [1, {}]})
    narrow: Any = {"color_scheme": "light", "viewport": {"width": 390, "height": 800}}
    async with asking(there, letter(LONG[:600]), arguments=arguments), await there.profile(**narrow) as profile:
        tab = await Shown.open(profile, there.envoy.tls_url)
        asked_by, _ = await tab.ask(QUESTION, "Agent")
        reject = ask_of(tab).get_by_role("button", name="Reject")
        await reject.scroll_into_view_if_needed()
        for theme in ("light", "dark"):
            assert await tab.page.evaluate("document.documentElement.scrollWidth") == 390
            await tab.keep(f"asked-{theme}")
            await tab.page.get_by_role("button", name="theme").click()
        await ask_of(tab).get_by_label("Comment").fill(LONG)
        await reject.click()
        state = await goes_on_with(there, tab, asked_by)
        (answered,) = state.answers
        assert answered.comment == LONG[:2000].strip()
        await tab.exactly(state)
        assert await tab.page.evaluate("document.documentElement.scrollWidth") == 390
        # What comes next is in view, as before the decision.
        below = "turns.scrollHeight - turns.scrollTop - turns.clientHeight"
        await tab.page.wait_for_function(
            f"() => {{ const turns = document.querySelector('.turns'); return {below} < 60 }}"
        )
        await tab.keep("rejected-at-length")


def ask_of(tab: Shown) -> Locator:
    """Return the only question that a tab shows."""
    return tab.page.locator(".ask")


async def leave_together(*tabs: Shown) -> None:
    """Hold back what the tabs start from now on, until each of them wants to start something."""
    all_want, waiting = asyncio.Event(), 0

    async def hold(route: Route) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == len(tabs):
            all_want.set()
        await all_want.wait()
        await route.continue_()

    for tab in tabs:
        await tab.page.route("**/StartGeneration", hold)


async def after(there: Site, conversation: str, asked_by: str) -> list[job_pb2.Job]:
    """Return the jobs of a conversation beside the one that asked. Each of them goes on with it."""
    async with client_of(there.instances[1].address) as client:
        jobs = [job async for job in client.jobs(conversation_id=conversation) if job.id != asked_by]
    assert {job.previous_job_id for job in jobs} <= {asked_by}
    return jobs


async def goes_on_with(there: Site, tab: Shown, asked_by: str) -> state_pb2.JobState:
    """Wait until a tab shows what was decided, and return how the one job that goes on with it ends."""
    await ask_of(tab).locator(".decision").first.wait_for()
    conversation = tab.page.url.rpartition("#/")[2]
    (job,) = await after(there, conversation, asked_by)
    return await Answer(conversation, job.id, there.instances[0]).state()


def said(state: state_pb2.JobState) -> str:
    """Return all text of an answer."""
    return "".join(part.text.text for part in state.parts)
