"""The chat page in a real Chromium, through a real Envoy, before two instances on one Redis.

async with site() as there, await there.profile() as profile:
    answer = await Answer.begin(there.instances[0])
    tab = await Shown.open(profile, there.envoy.tls_url, answer.conversation)
    await tab.said(40)
    await tab.exactly(await answer.state())
"""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from playwright.async_api import TimeoutError as PlaywrightTimeout

from streamsvc.v1 import state_pb2
from tests.support.envoy_process import EnvoyProcess
from tests.support.events import scripted
from tests.support.fleet import Instance, fleet
from tests.support.outside import AGENT
from tests.support.proxy import Proxy
from tests.support.redis_process import HOST, free_port
from tests.support.redis_servers import shared
from tests.support.service import client_of
from tests.support.upstream import Upstream
from tools.pages import BUILT
from tools.stack import pages

ROOT = Path(__file__).resolve().parents[2]
MODELS = Path(__file__).with_name("models.json")
SHOTS = ROOT / ".cache" / "screenshots"
LIMIT_MS = 20_000.0
IDLE_SECONDS = 60.0

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)

WATCH = """
// Of each answer, whether what was shown ever went back, or changed otherwise than by growing.
window.wentBack = [];
const before = new Map();
new MutationObserver(() => {
  for (const turn of document.querySelectorAll("[data-job]")) {
    const text = [...turn.querySelectorAll(".text")].map((one) => one.textContent.trim()).join(" ");
    const last = before.get(turn.dataset.job) ?? "";
    if (!text.startsWith(last)) window.wentBack.push([last.slice(-60), text.slice(-60)]);
    before.set(turn.dataset.job, text);
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


@dataclass(frozen=True)
class Site:
    """All that a page needs."""

    chromium: Browser
    network: Proxy
    """What lies between Chromium and `envoy.tls_url`."""
    envoy: EnvoyProcess
    instances: Sequence[Instance]
    upstream: Upstream
    """What the instances' default model is."""

    async def profile(self, **options: Any) -> BrowserContext:
        """Return a browser that knows nothing of the others, as on another device. `options` are Playwright's."""
        context = await self.chromium.new_context(ignore_https_errors=True, **options)
        context.set_default_timeout(LIMIT_MS)
        await context.add_init_script(WATCH)
        return context


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """Run everything, over Redis."""
    async with (
        Upstream() as upstream,
        fleet(*2 * [f"redis://{shared().address}"], environment=asks(upstream.base_url, "a-model")) as instances,
        before([one.address for one in instances], instances, upstream) as whole,
    ):
        yield whole


@asynccontextmanager
async def before(
    addresses: Sequence[str],
    instances: Sequence[Instance] = (),
    upstream: Upstream | None = None,
    page: Path = BUILT,
) -> AsyncIterator[Site]:
    """Run what lies before services (HOST:PORT each): a page, built anew if it has changed, Envoy and Chromium."""
    build(page)
    async with AsyncExitStack() as parts:
        options = ("--folder", str(page), "--models", str(MODELS))
        served = await parts.enter_async_context(pages(free_port(), *options))
        envoy = EnvoyProcess(addresses, stream_idle_timeout=IDLE_SECONDS, pages=[served])
        await parts.enter_async_context(envoy)
        playwright = await parts.enter_async_context(async_playwright())
        program = shutil.which("chromium")
        assert program is not None, "chromium is missing: run `make tools`"
        network = await parts.enter_async_context(Proxy(envoy.tls_address.replace("localhost", HOST)))
        way = f"--host-resolver-rules=MAP {envoy.tls_address} {network.address}"
        chromium = await playwright.chromium.launch(executable_path=program, args=[*FLAGS, way])
        parts.push_async_callback(chromium.close)
        yield Site(chromium, network, envoy, instances, upstream or Upstream())


def asks(base_url: str, model: str) -> Mapping[str, str]:
    """Return the environment in which the instances' default model is this one, and they know the producer `agent`."""
    upstream = {"kind": "openai_chat", "base_url": base_url, "default_model": model}
    return {"STREAMSVC_UPSTREAMS": json.dumps({"model": upstream, AGENT: {"kind": "worker"}})}


def build(page: Path = BUILT) -> None:
    """Build a page into the folder `page`, if something in it is newer than what was built."""
    target = (page / "index.html").relative_to(ROOT)
    subprocess.run(["make", "--silent", str(target)], cwd=ROOT, check=True, timeout=300)
    assert page.exists()


class Shown:
    """One tab that shows a conversation."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    async def open(cls, profile: BrowserContext, base_url: str, conversation: str = "") -> Shown:
        """Open a conversation in a tab of its own."""
        page = await profile.new_page()
        await page.goto(f"{base_url}/#/{conversation}")
        return cls(page)

    async def ask(self, prompt: str, model: str = "Scripted") -> tuple[str, str]:
        """Ask, as a person would. Returns the ids of the job and of its conversation."""
        await self.page.get_by_label("Model").select_option(model)
        await self.page.get_by_label("Your question").fill(prompt)
        await self.page.keyboard.press("Enter")
        job_id = await self.page.locator("[data-job]").get_attribute("data-job")
        return str(job_id), self.page.url.rpartition("#/")[2]

    async def said(self, words: int) -> None:
        """Wait until the newest answer shows so many words."""
        await self.page.wait_for_function(f"(words) => ({_WORDS}) >= words", arg=words)

    async def said_something(self) -> None:
        """Wait until an answer shows anything."""
        await self.page.locator(".text").first.wait_for()

    async def words(self) -> int:
        """Return how many words the newest answer shows."""
        return int(await self.page.evaluate(_WORDS))

    async def status(self, status: str) -> None:
        """Wait until the badge says how the stream is: live, catching-up, reconnecting, ended."""
        await self.page.wait_for_selector(f".badge[data-status={status}]")

    async def protocol(self) -> str:
        """Return what the tab speaks with Envoy: h2 over TLS. A browser does not name HTTP/1.1 everywhere."""
        return str(await self.page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"))

    async def keep(self, name: str) -> None:
        """Keep what the tab looks like, among the artifacts of the tests."""
        await self.page.screenshot(path=SHOTS / f"{name}.png")

    async def exactly(self, state: state_pb2.JobState) -> None:
        """Wait for the end of a job; then it shows what the log says, part by part, and never went back."""
        turn = f"[data-job='{state.job.id}']"
        try:
            await self.page.wait_for_selector(f"{turn}[data-status=ended][data-offset='{state.offset}']")
        except PlaywrightTimeout:
            await self.keep("not-exact")
            stands = await self.page.locator(".badge, [data-job]").evaluate_all("all => all.map((one) => one.dataset)")
            raise AssertionError(f"not at offset {state.offset}, but at {stands}") from None
        shown = await self.page.locator(f"{turn} .text").all_inner_texts()
        assert shown == [part.text.text.strip() for part in state.parts if part.HasField("text")]
        assert await self.page.evaluate("window.wentBack") == []


_WORDS = """
  [...([...document.querySelectorAll('[data-job]')].at(-1)?.querySelectorAll('.text') ?? [])]
    .flatMap((text) => text.innerText.match(/[0-9]+/g) ?? []).length
"""


@dataclass(frozen=True)
class Answer:
    """A job in a conversation of its own, which counts."""

    conversation: str
    job_id: str
    written_at: Instance

    @classmethod
    async def begin(cls, instance: Instance, *, tokens: int = 200, rate: float = 50, **script: object) -> Answer:
        """Have an instance begin to write it. `script` is for the scripted producer too."""
        request = scripted(tokens=tokens, rate=rate, pattern="count", **script)
        request.conversation_id = uuid.uuid4().hex
        request.labels["title"] = f"Count to {tokens}"
        async with client_of(instance.address) as client:
            job = await client.start_request(request)
        return cls(request.conversation_id, job.id, instance)

    async def stop(self) -> None:
        """Have it end where it is."""
        async with client_of(self.written_at.address) as client:
            await client.cancel(self.job_id)

    async def state(self, instance: Instance | None = None) -> state_pb2.JobState:
        """Follow it to its end, and return what its log says."""
        async with client_of((instance or self.written_at).address) as client:
            async for _ in client.stream(self.job_id):
                pass
            return await client.state(self.job_id)
