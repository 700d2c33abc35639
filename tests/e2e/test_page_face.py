"""What the page shows: Markdown that nobody vouches for, in both themes, on a narrow screen, by the keyboard alone."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.support.chats import chunk
from tests.support.page import ROOT, Answer, Shown, Site
from tests.support.upstream import Answering, Step, done, sse, wait_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

STYLE = (ROOT / "web" / "demo" / "style.css").read_text()

QUESTION = "Why is the sky blue?"

REASONING = "Light of the sun is white. What happens to it on its way through the air?"

MARKDOWN = """\
Sunlight looks white, but it is **all colours at once**. On its way through the air it meets molecules that are far
smaller than its waves, and they scatter it: [Rayleigh scattering](https://en.wikipedia.org/wiki/Rayleigh_scattering).

## How much, and why blue

1. Short waves are scattered most: the strength goes with the fourth power of the frequency.
2. Blue light is scattered about `(700 / 450) ** 4`, nearly *six times* as much as red.

3. Violet even more, but the sun sends less of it, and our eyes see it badly.

| colour | wavelength | scattered |
|--------|-----------:|----------:|
| red    |     700 nm |         1 |
| green  |     530 nm |       3.0 |
| blue   |     450 nm |       5.9 |

```python
def scattered(nanometres: float) -> float:
    return (700 / nanometres) ** 4
```

> In the evening the light comes a long way through the air: the blue is gone, and what is left is red.
"""

HOSTILE = """\
Before <script>window.hacked = 1</script> <img src="https://example.com/spy.png" onerror="window.hacked = 2"> after

[a link](javascript:window.hacked=3) and <a href="https://example.com/" onclick="window.hacked = 4">another</a>

<style>body { display: none }</style>
<iframe src="https://example.com/"></iframe><form action="https://example.com/"><button>Go</button></form>

The end
"""


def slowly(text: str, field: str = "content") -> Step:
    """Say a text in pieces that cut words and Markdown anywhere."""

    async def step(answering: Answering) -> None:
        for piece in re.findall(r"(?s).{1,7}", text):
            await sse(chunk(**{field: piece}))(answering)
            await asyncio.sleep(0.005)

    return step


async def test_markdown_that_grew_is_the_same_as_markdown_at_once(there: Site) -> None:
    middle, go_on = MARKDOWN.index("return"), asyncio.Event()
    halves = (slowly(MARKDOWN[:middle]), wait_for(go_on), slowly(MARKDOWN[middle:]))
    there.upstream.expect(slowly(REASONING, "reasoning_content"), *halves, sse(chunk("stop")), done())
    async with await there.profile(color_scheme="light", viewport={"width": 1280, "height": 860}) as profile:
        tab = await Shown.open(profile, there.envoy.tls_url)
        job_id, conversation = await tab.ask(QUESTION, "Default model")
        await tab.page.wait_for_selector(".text code:has-text('def')")
        await tab.keep("answering")
        go_on.set()
        ended = f"[data-job='{job_id}'][data-status=ended]"
        await tab.page.wait_for_selector(ended)
        grown = await tab.page.locator(f"{ended} .text").inner_html()
        fresh = await Shown.open(profile, there.envoy.tls_url, conversation)
        await fresh.page.wait_for_selector(f"{ended} blockquote")
        assert await fresh.page.locator(f"{ended} .text").inner_html() == grown
        for tag in (
            "strong",
            "em",
            "h2",
            "ol > li",
            "table",
            "pre > code",
            "blockquote",
            "a[rel='noopener noreferrer']",
        ):
            assert await fresh.page.locator(f".text {tag}").count() >= 1, tag
        await _looks(tab)


async def _looks(tab: Shown) -> None:
    """Keep how the page looks, and see that a narrow one shows all of it."""
    await tab.page.locator("summary").first.click()
    await tab.keep("light")
    await tab.page.get_by_role("button", name="Dark theme").click()
    await tab.keep("dark")
    await tab.page.set_viewport_size({"width": 390, "height": 800})
    assert await tab.page.evaluate("document.documentElement.scrollWidth") == 390
    await tab.keep("narrow")
    await tab.page.reload()
    await tab.page.get_by_role("button", name="Light theme").wait_for()


async def test_what_a_model_writes_cannot_act(there: Site) -> None:
    there.upstream.expect(slowly(HOSTILE), sse(chunk("stop")), done())
    async with await there.profile() as profile:
        elsewhere: list[str] = []
        profile.on("request", lambda request: elsewhere.append(request.url))
        tab = await Shown.open(profile, there.envoy.tls_url)
        await tab.ask("Do harm.", "Default model")
        await tab.page.get_by_text("The end", exact=True).wait_for()
        for tag in ("script", "img", "style", "iframe", "form", "button", "[onclick]", "[href^='javascript']"):
            assert await tab.page.locator(f".text {tag}").count() == 0, tag
        assert await tab.page.evaluate("window.hacked") is None
        assert [url for url in elsewhere if not url.startswith(there.envoy.tls_url)] == []


async def test_the_page_is_served_where_its_calls_go_and_may_load_nothing_from_elsewhere(there: Site) -> None:
    async with await there.profile() as profile:
        page = await profile.new_page()
        answer = await page.goto(there.envoy.tls_url)
        assert answer is not None
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-cache"
        found = {"/models.json": 200, "/assets/nothing.js": 404, "/assets/../../package.json": 404, "/nothing": 404}
        for path, status in found.items():
            assert (await profile.request.get(f"{there.envoy.tls_url}{path}")).status == status, path


async def test_the_end_of_an_answer_stays_in_view_when_the_window_changes(there: Site) -> None:
    answer = await Answer.begin(there.instances[0], tokens=3000, rate=200, rich=True)
    async with await there.profile(viewport={"width": 1280, "height": 400}) as profile:
        tab = await Shown.open(profile, there.envoy.tls_url, answer.conversation)
        turns = "document.querySelector('.turns')"
        await tab.page.wait_for_function(f"() => {turns}.scrollHeight > 2 * {turns}.clientHeight")
        for width, height in ((390, 800), (800, 300), (1280, 800)):
            await tab.page.set_viewport_size({"width": width, "height": height})
            below = f"{turns}.scrollHeight - {turns}.scrollTop - {turns}.clientHeight"
            await tab.page.wait_for_function(f"() => innerWidth === {width} && {below} < 60")
            # Not for a moment only: it goes on to follow.
            grown = int(await tab.page.evaluate(f"{turns}.scrollHeight"))
            await tab.page.wait_for_function(f"() => {turns}.scrollHeight > {grown} && {below} < 60")


async def test_the_keyboard_is_enough(there: Site) -> None:
    async with await there.profile() as profile:
        tab = await Shown.open(profile, there.envoy.tls_url)
        focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText"
        await tab.page.wait_for_function(f"() => ({focused}) === 'Your question'")
        await tab.page.get_by_label("Model").locator("option").nth(1).wait_for(state="attached")
        await tab.page.keyboard.type("Hello?")
        await tab.page.keyboard.press("Tab")
        await tab.page.keyboard.press("End")
        await tab.page.keyboard.press("Shift+Tab")
        await tab.page.keyboard.press("Enter")
        await tab.said_something()
        assert await tab.page.evaluate(focused) == "Your question"
        await tab.page.keyboard.press("Tab")
        await tab.page.keyboard.press("Tab")
        assert await tab.page.evaluate(focused) == "Stop"
        await tab.page.keyboard.press("Enter")
        await tab.page.get_by_text("Stopped.").wait_for()
        for role in ("navigation", "main", "log", "status"):
            assert await tab.page.get_by_role(role).count() >= 1, role


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_colours_have_the_contrast_of_wcag_aa(theme: str) -> None:
    light, dark = re.findall(r":root[^{]*{(.*?)}", STYLE, re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6})", light if theme == "light" else dark))
    grounds = ("ground", "side", "card")
    pairs = [(front, ground) for front in ("text", "faint", "accent", "bad") for ground in grounds]
    for front, ground in [*pairs, ("on-accent", "accent"), ("text", "bubble")]:
        assert _contrast(colours[front], colours[ground]) >= 4.5, (front, ground)


def _contrast(one: str, other: str) -> float:
    """Return the ratio that WCAG 2 defines."""
    dark, light = sorted([_luminance(one), _luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
