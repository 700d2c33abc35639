"""The page when something breaks in the middle of an answer: it shows what the log says, exactly, without a reload."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.page import Answer, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOON = 16.0
"""Seconds: two heartbeats of the page, and what a busy machine may take. Chromium alone needs 20 to find out."""


async def test_it_goes_on_after_its_connections_were_cut(there: Site) -> None:
    answer = await Answer.begin(there.instances[0], tokens=400)
    async with await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url, answer.conversation)
        await tab.said(40)
        with there.network.outage():
            await tab.status("reconnecting")
            await tab.keep("reconnecting")
            before = await tab.words()
        await tab.said(before + 20)
        await tab.exactly(await answer.state())


async def test_it_goes_on_within_two_heartbeats_when_its_connection_is_half_open(there: Site) -> None:
    answer = await Answer.begin(there.instances[0], tokens=700)
    async with await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url, answer.conversation)
        await tab.said(40)
        there.network.swallow()
        async with asyncio.timeout(SOON):
            await tab.said(await tab.words() + 100)
        await tab.exactly(await answer.state())


async def test_it_goes_on_at_once_when_it_is_online_again(there: Site) -> None:
    answer = await Answer.begin(there.instances[0], tokens=150)
    async with await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url, answer.conversation)
        await tab.said(40)
        # As when the Wi-Fi is gone: nothing comes any more, and later the browser learns that its connections are dead.
        await profile.set_offline(True)
        there.network.swallow()
        state = await answer.state()
        assert await tab.words() < 150
        there.network.cut_all()
        await tab.status("reconnecting")
        await profile.set_offline(False)
        await tab.exactly(state)


async def test_it_goes_on_after_a_reload_and_after_a_visit_elsewhere(there: Site) -> None:
    answer = await Answer.begin(there.instances[0], tokens=250)
    async with await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url, answer.conversation)
        await tab.said(30)
        await tab.page.reload()
        await tab.said(60)
        await tab.page.goto("about:blank")
        await tab.page.go_back()
        await tab.said(90)
        await tab.exactly(await answer.state())


async def test_it_goes_on_when_the_instance_that_writes_is_killed(there: Site) -> None:
    writer, other = there.instances
    answer = await Answer.begin(writer)
    async with await there.profile() as profile:
        tabs = [await Shown.open(profile, there.envoy.tls_url, answer.conversation) for _ in range(2)]
        for tab in tabs:
            await tab.said(40)
        await writer.kill()
        try:
            state = await answer.state(other)
            assert state.job.attempt > 1
            for tab in tabs:
                await tab.exactly(state)
        finally:
            await writer.start()


@pytest.mark.timeout(120)
async def test_without_a_service_it_says_so_and_goes_on_by_itself(there: Site) -> None:
    async with await there.profile() as profile:
        for instance in there.instances:
            await instance.kill()
        try:
            tab = await Shown.open(profile, there.envoy.tls_url)
            await tab.page.get_by_role("heading", name="No connection").wait_for()
            await tab.status("reconnecting")
            await tab.page.get_by_label("Your question").fill("Are you there?")
            await tab.page.keyboard.press("Enter")
            await tab.page.get_by_text("The service does not answer. Try again in a moment.").wait_for()
            await tab.keep("no-service")
        finally:
            for instance in there.instances:
                await instance.start()
        await tab.page.get_by_role("heading", name="What would you like to know?").wait_for()
        await tab.status("ended")
        await tab.ask("Are you there?")
        await tab.said_something()


async def test_it_goes_on_when_envoy_restarts(there: Site) -> None:
    answer = await Answer.begin(there.instances[0])
    async with await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url, answer.conversation)
        await tab.said(40)
        await there.envoy.kill()
        try:
            await tab.status("reconnecting")
        finally:
            await there.envoy.start()
        await tab.exactly(await answer.state())


async def test_it_goes_on_when_a_sleeping_tab_wakes(there: Site) -> None:
    answer = await Answer.begin(there.instances[0])
    async with await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url, answer.conversation)
        await tab.said(40)
        devtools = await profile.new_cdp_session(tab.page)
        await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
        state = await answer.state()
        await devtools.send("Page.setWebLifecycleState", {"state": "active"})
        await tab.exactly(state)
