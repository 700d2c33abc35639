"""What each kind of endpoint is sent to go on with an answer, and which mode an address has by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest

from streamsvc.producers import registry
from streamsvc.producers.modes import AUTO, MODES, mode_of
from streamsvc.producers.openai_chat.request import hand_over
from streamsvc.producers.registry import UpstreamConfig
from streamsvc.settings import Upstream
from tests.support.chats import ask, openai_chat

QUESTION = {"role": "user", "content": "hi"}


def sent(mode: str, *messages: dict[str, Any], reasoning: str = "") -> dict[str, Any]:
    """Return the arguments that ask an endpoint to go on with `Hel`."""
    arguments: dict[str, Any] = {"messages": [QUESTION, *messages], "extra_body": {"seed": 7}}
    known = MODES[mode]
    assert known is not None
    hand_over(arguments, "Hel", reasoning, known)
    return arguments


@pytest.mark.parametrize(
    ("mode", "message", "body"),
    [
        ("final_message", {}, {"continue_final_message": True, "add_generation_prompt": False}),
        ("message", {}, {}),
        ("prefix", {"prefix": True}, {}),
        ("partial", {"partial": True}, {}),
    ],
)
def test_what_is_sent(mode: str, message: dict[str, Any], body: dict[str, Any]) -> None:
    assert sent(mode) == {
        "messages": [QUESTION, {"role": "assistant", "content": "Hel", **message}],
        "extra_body": {"seed": 7, **body},
    }


@pytest.mark.parametrize(("mode", "taken"), [("final_message", True), ("message", False), ("prefix", False)])
def test_only_some_take_the_reasoning(mode: str, taken: bool) -> None:
    message = sent(mode, reasoning="Hm")["messages"][-1]
    assert message.get("reasoning_content") == ("Hm" if taken else None)


def test_an_answer_that_the_caller_began_is_one_message() -> None:
    assert sent("message", {"role": "assistant", "content": "Well. "})["messages"] == [
        QUESTION,
        {"role": "assistant", "content": "Well. Hel"},
    ]


def test_calls_of_the_caller_stay_a_message_of_their_own() -> None:
    calls = {"role": "assistant", "content": "Look", "tool_calls": [{"id": "a"}]}
    assert sent("message", calls)["messages"][1:] == [calls, {"role": "assistant", "content": "Hel"}]


@pytest.mark.parametrize(
    ("base_url", "mode"),
    [
        ("http://127.0.0.1:8000/v1", "final_message"),
        ("http://[::1]:8000/v1", "final_message"),
        ("http://10.1.2.3/v1", "final_message"),
        ("http://localhost:11434/v1", "final_message"),
        ("http://vllm:8000/v1", "final_message"),
        ("http://vllm.models.svc.cluster.local/v1", "final_message"),
        ("https://api.mistral.ai/v1", "prefix"),
        ("https://api.deepseek.com/beta", "prefix"),
        ("https://api.deepseek.com/v1", "none"),
        ("https://openrouter.ai/api/v1", "message"),
        ("https://api.moonshot.ai/v1", "partial"),
        ("https://api.openai.com/v1", "none"),
        ("https://somebody.openai.azure.com/openai/v1", "none"),
        ("https://models.example.com/v1", "none"),
        ("http://8.8.8.8/v1", "none"),
    ],
)
def test_a_mode_by_address(base_url: str, mode: str) -> None:
    assert mode_of(AUTO, base_url) is MODES[mode]
    assert openai_chat("local", base_url).continues(ask()) == (mode != "none")


def test_a_mode_by_name_wins() -> None:
    assert openai_chat("local", "https://models.example.com/v1", continue_mode="message").continues(ask())
    assert not openai_chat("local", "http://127.0.0.1/v1", continue_mode="none").continues(ask())


def test_settings_choose_the_mode() -> None:
    limit = timedelta(seconds=1)
    config = UpstreamConfig("openai_chat", "http://127.0.0.1/v1", continue_mode="none")
    assert not registry.build({"local": config}, registry.Timeouts(limit, limit, limit))["local"].continues(ask())


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="continue_mode must be one of auto, final_message"):
        openai_chat("local", "http://127.0.0.1/v1", continue_mode="magic")


def test_settings_know_the_same_modes() -> None:
    assert get_args(Upstream.model_fields["continue_mode"].annotation) == (AUTO, *MODES)
