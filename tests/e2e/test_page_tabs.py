"""The page in several tabs and on several devices: all in step, and what one does the others see."""

from __future__ import annotations

import pytest

from streamsvc.v1 import job_pb2
from tests.support.page import Answer, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABS = 8


async def test_two_tabs_are_in_step_to_the_end(there: Site) -> None:
    # It says so much and then waits, so that there is time to look.
    answer = await Answer.begin(there.instances[0], rich=True, hang_after=150)
    async with await there.profile() as profile:
        tabs = [await Shown.open(profile, there.envoy.tls_url, answer.conversation) for _ in range(2)]
        for words in (30, 100):
            for tab in tabs:
                await tab.said(words)
                await tab.status("live")
        await tabs[0].keep("running")
        await answer.stop()
        state = await answer.state()
        for tab in tabs:
            await tab.exactly(state)
            await tab.status("ended")


async def test_a_question_of_one_tab_is_in_the_other_at_once_and_stop_in_one_stops_both(there: Site) -> None:
    async with await there.profile() as profile:
        first = await Shown.open(profile, there.envoy.tls_url)
        job_id, conversation = await first.ask("What is a river?")
        second = await Shown.open(profile, there.envoy.tls_url, conversation)
        for tab in (first, second):
            await tab.page.wait_for_selector(f"[data-job='{job_id}'][data-status=live] .text")
            await tab.page.get_by_text("What is a river?", exact=True).first.wait_for()
        await second.page.get_by_role("button", name="Stop").click()
        state = await Answer(conversation, job_id, there.instances[0]).state()
        assert state.job.status == job_pb2.JOB_STATUS_CANCELLED
        for tab in (first, second):
            await tab.exactly(state)
            await tab.page.get_by_text("Stopped.").wait_for()
            await tab.page.get_by_role("button", name="Send").wait_for()


async def test_another_device_joins_late_and_finds_the_running_answer(there: Site) -> None:
    answer = await Answer.begin(there.instances[0])
    async with await there.profile() as first, await there.profile() as second:
        early = await Shown.open(first, there.envoy.tls_url, answer.conversation)
        await early.said(60)
        late = await Shown.open(second, there.envoy.tls_url)
        await late.page.locator(f"nav a[href='#/{answer.conversation}']").click()
        await late.said(60)
        state = await answer.state()
        for device in (early, late):
            await device.exactly(state)


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_eight_tabs_stream_at_once(there: Site, scheme: str) -> None:
    # Over HTTP/2 each has its own stream; over HTTP/1.1, where a browser opens six connections, they share one.
    answer = await Answer.begin(there.instances[0], tokens=300)
    url = there.envoy.tls_url if scheme == "https" else there.envoy.url
    async with await there.profile() as profile:
        tabs = [await Shown.open(profile, url, answer.conversation) for _ in range(TABS)]
        for tab in tabs:
            assert (await tab.protocol() == "h2") == (scheme == "https")
            await tab.said(50)
        state = await answer.state()
        for tab in tabs:
            await tab.exactly(state)


async def test_a_slow_machine_keeps_up_with_a_fast_answer(there: Site) -> None:
    # Messages come in bursts then, faster than the page can show each of them.
    answer = await Answer.begin(there.instances[0], tokens=800, rate=400)
    async with await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url)
        devtools = await profile.new_cdp_session(tab.page)
        await devtools.send("Emulation.setCPUThrottlingRate", {"rate": 20})
        await tab.page.evaluate("(id) => void (location.hash = `/${id}`)", answer.conversation)
        await tab.exactly(await answer.state())
