"""The example page that is an ordinary `useChat` app, in Chromium: what it shows, and what it should show."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from google.protobuf.message import Message
from playwright.async_api import BrowserContext, Page
from playwright.async_api import TimeoutError as PlaywrightTimeout

from streamsvc.v1 import content_pb2, state_pb2
from tests.support.page import ROOT, SHOTS, Site

PAGE = ROOT / "examples" / "react-chat"
BUILT = PAGE / "dist"

_STATES = {
    content_pb2.TOOL_CALL_STATUS_READY: "input-available",
    content_pb2.TOOL_CALL_STATUS_RUNNING: "input-available",
    content_pb2.TOOL_CALL_STATUS_SUCCEEDED: "output-available",
    content_pb2.TOOL_CALL_STATUS_FAILED: "output-error",
    content_pb2.TOOL_CALL_STATUS_DENIED: "output-denied",
}
_SHOWN = """
  [...document.querySelectorAll("article")].map((message) => [
    message.dataset.message,
    ...[...message.querySelectorAll(".part")].map((part) => {
      const kind = part.dataset.part;
      if (kind === "file") return [kind, part.getAttribute("src")];
      if (part.dataset.state) return [kind, part.dataset.state, part.querySelector("code").textContent];
      return [kind, part.textContent];
    }),
  ])
"""
_WORDS = "(document.querySelector('article:last-of-type.assistant')?.textContent ?? '').split(' ').length"
_AT_REST = f"(expected) => JSON.stringify({_SHOWN}) === expected && !!document.querySelector('main[data-status=ready]')"


class Tab:
    """One tab that shows a chat."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._calls = Calls(page)

    @classmethod
    async def open(cls, profile: BrowserContext, there: Site, chat_id: str) -> Tab:
        """Open a chat in a tab of its own."""
        tab = cls(await profile.new_page())
        await tab.page.goto(f"{there.envoy.tls_url}/#{chat_id}")
        return tab

    async def ask(self, prompt: str) -> None:
        """Say something, as a person would."""
        await self.page.get_by_placeholder("Say something...").fill(prompt)
        await self.page.keyboard.press("Enter")

    async def said(self, words: int) -> None:
        """Wait until the newest answer shows so many words."""
        await self.page.wait_for_function(f"(words) => {_WORDS} > words", arg=words)

    async def shows(self, text: str) -> None:
        """Wait until a text is to be seen."""
        try:
            await self.page.get_by_text(text, exact=True).wait_for()
        except PlaywrightTimeout:
            raise AssertionError(f"{await self._stands('not-shown')}, not {text!r}") from None

    async def press(self, button: str) -> None:
        """Press a button once it is there."""
        await self.page.get_by_role("button", name=button).click()

    async def keep(self, name: str) -> None:
        """Keep what the tab looks like, among the artifacts of the tests."""
        await self.page.screenshot(path=SHOTS / f"react-chat-{name}.png")

    async def exactly(self, *messages: Sequence[state_pb2.JobState]) -> None:
        """Wait until the chat is ready and shows these answers, each of its jobs, and what was asked, and no more."""
        expected = [shown for chain in messages for shown in _messages(chain)]
        text = json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
        try:
            await self.page.wait_for_function(_AT_REST, arg=text)
        except PlaywrightTimeout:
            raise AssertionError(f"{await self._stands('not-exact')}, not {expected}") from None

    async def _stands(self, name: str) -> str:
        """Keep what the tab looks like, and return how it stands and what it has asked for."""
        await self.keep(name)
        shown = await self.page.evaluate(_SHOWN)
        status = await self.page.evaluate("document.querySelector('main')?.dataset.status")
        alerts = await self.page.get_by_role("alert").all_inner_texts()
        return f"{status} {alerts}, calls {self._calls}, and shows {shown}"


class Calls:
    """What a page asks for, and what becomes of it: for a test that fails."""

    def __init__(self, page: Page) -> None:
        self._began = time.monotonic()
        self._told: list[str] = []
        page.on("request", lambda call: self._tell("asks", call.url))
        page.on("response", lambda answer: self._tell(f"hears {answer.status}", answer.url))
        page.on("requestfinished", lambda call: self._tell("has all", call.url))
        page.on("requestfailed", lambda call: self._tell(f"fails ({call.failure})", call.url))
        page.on("pageerror", lambda error: self._tell("throws", str(error)))

    def __str__(self) -> str:
        """Return all of it, each with the seconds since the beginning."""
        return str(self._told)

    def _tell(self, what: str, about: str) -> None:
        self._told.append(f"{time.monotonic() - self._began:.3f} {what} {about.rpartition('/')[2]}")


def _messages(chain: Sequence[state_pb2.JobState]) -> list[list[object]]:
    first = chain[0]
    asked: list[list[object]] = [
        [said.id or f"{first.job.id}-input-{i}", *(_part(part) for part in said.parts)]
        for i, said in enumerate(first.input)
    ]
    calls = {part.tool_call.call_id: part for state in chain for part in state.parts if part.HasField("tool_call")}
    answered = {answer.input_request_id for state in chain for answer in state.answers}
    shown = []
    for state in chain:
        about = {request.part_index for request in state.input_requests if request.id in answered}
        for part in state.parts:
            last = calls.pop(part.tool_call.call_id, None) if part.HasField("tool_call") else part
            shown += [_part(last, responded=part.index in about)] if last is not None else []
    return [*asked, [first.job.id, *shown]]


def _part(part: content_pb2.ContentPart, *, responded: bool = False) -> list[str]:
    """Return what is shown of a part: its kind, then its text, its address, or the state and the values of a call."""
    kind = str(part.WhichOneof("kind"))
    if kind == "tool_call":
        call = part.tool_call
        told = [call.arguments_json, *(result.json or json.dumps(result.text) for result in call.results)]
        state = "approval-responded" if responded and not call.results else _STATES[call.status]
        return [f"tool-{call.name}", state, " → ".join(_compact(one) for one in told)]
    value: Message = getattr(part, kind)
    return [kind, str(getattr(value, "url" if kind == "file" else "text"))]


def _compact(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
