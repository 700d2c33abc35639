"""Answers as the endpoints write them, and the events that they become."""

from __future__ import annotations

from typing import Any

import pytest

from streamsvc.producers.fields import decode
from tests.support.chats import call, chunk, events


def usage(**counts: Any) -> dict[str, Any]:
    return {"choices": [], "usage": counts}


def test_openai_text_with_usage_in_a_chunk_of_its_own() -> None:
    details = {"cached_tokens": 4, "audio_tokens": 0}
    shares = {"reasoning_tokens": 2, "audio_tokens": 0, "accepted_prediction_tokens": 3}
    counts = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "prompt_tokens_details": details}
    assert events(
        chunk(role="assistant", content="", refusal=None),
        chunk(content="Hel"),
        chunk(content="lo"),
        chunk("stop"),
        {"model": "gpt-5.2-2026", "choices": [], "usage": {**counts, "completion_tokens_details": shares}},
    ) == [
        "0 text",
        "0 + Hel",
        "0 + lo",
        "0 completed",
        "usage gpt-5.2-2026 9/5 reasoning_tokens=2 cached_input_tokens=4 "
        "completion_tokens_details.accepted_prediction_tokens=3",
        "finished STOP stop",
    ]


def test_deepseek_reasoning_before_the_text() -> None:
    counts = {"prompt_tokens": 7, "completion_tokens": 6, "prompt_cache_hit_tokens": 3}
    last = {**chunk("stop", content="", reasoning_content=None), "usage": counts}
    assert events(
        chunk(role="assistant", content=None, reasoning_content=""),
        chunk(content=None, reasoning_content="Let me"),
        chunk(content=None, reasoning_content=" think"),
        chunk(content="Four", reasoning_content=None),
        last,
    ) == [
        "0 reasoning",
        "0 + Let me",
        "0 +  think",
        "0 completed",
        "1 text",
        "1 + Four",
        "1 completed",
        "usage m 7/6 prompt_cache_hit_tokens=3",
        "finished STOP stop",
    ]


def test_openrouter_reasoning_under_its_other_name() -> None:
    details = [{"type": "reasoning.text", "text": "Hm"}]
    assert events(
        {**chunk(role="assistant", content="", reasoning="Hm", reasoning_details=details), "provider": "X"},
        chunk(role="assistant", content="Yes", reasoning=None),
        {**chunk("stop", content=""), "native_finish_reason": "end_turn"},
        usage(prompt_tokens=3, completion_tokens=2, cost=0.00014, prompt_tokens_details={"cache_write_tokens": 8}),
    ) == [
        "0 reasoning",
        "0 + Hm",
        'custom openai_chat.provider "X"',
        "0 completed",
        "1 text",
        "1 + Yes",
        'custom openai_chat.native_finish_reason "end_turn"',
        "1 completed",
        "usage m 3/2 cache_write_input_tokens=8",
        "finished STOP stop",
    ]


def test_mistral_content_as_a_list_of_blocks() -> None:
    def thinking(*pieces: str) -> dict[str, Any]:
        return {"type": "thinking", "thinking": [{"type": "text", "text": piece} for piece in pieces]}

    reference = {"type": "reference", "reference_ids": [1]}
    assert events(
        chunk(role="assistant", content=""),
        chunk(content=[thinking("Let me", " think")]),
        chunk(content=[thinking("."), {"type": "text", "text": "Four"}]),
        chunk(content=[{"type": "text", "text": ","}, reference, {"type": "text", "text": " I"}]),
        chunk(content=" say."),
        chunk("stop", content=[]),
    ) == [
        "0 reasoning",
        "0 + Let me think",
        "0 + .",
        "0 completed",
        "1 text",
        "1 + Four",
        "1 + ,",
        'custom openai_chat.reference {"type":"reference","reference_ids":[1]}',
        "1 +  I",
        "1 +  say.",
        "1 completed",
        "finished STOP stop",
    ]


def test_both_names_of_reasoning_at_once_are_one() -> None:
    assert events(chunk(reasoning_content="a", reasoning="a"))[:2] == ["0 reasoning", "0 + a"]


def test_llama_cpp_says_nothing_before_the_text_and_counts_timings() -> None:
    last = usage(completion_tokens=2, prompt_tokens=32, total_tokens=34, prompt_tokens_details={"cached_tokens": 0})
    assert events(
        {"choices": [{"finish_reason": None, "index": 0, "delta": {"role": "assistant", "content": None}}]},
        {"choices": [{"finish_reason": None, "index": 0, "delta": {"content": "I"}}]},
        {"choices": [{"finish_reason": "length", "index": 0, "delta": {}}]},
        {**last, "timings": {"predicted_n": 2}},
    ) == [
        "0 text",
        "0 + I",
        'custom openai_chat.timings {"predicted_n":2}',
        "0 completed",
        "usage m 32/2",
        "finished LENGTH length",
    ]


def test_openai_parallel_calls_in_fragments() -> None:
    assert events(
        call(index=0, id="a", name="f", arguments=""),
        call(index=0, arguments='{"x"'),
        call(index=1, id="b", name="g", arguments=""),
        call(index=0, arguments=":1}"),
        call(index=1, arguments="{}"),
        chunk("tool_calls"),
    ) == [
        "0 call a f WRITING CALLER",
        '0 + {"x"',
        "1 call b g WRITING CALLER",
        "0 + :1}",
        "1 + {}",
        "0 READY",
        "0 completed",
        "1 READY",
        "1 completed",
        "finished TOOL_CALLS tool_calls",
    ]


def test_a_call_closes_the_text_before_it() -> None:
    assert events(chunk(content="Look:"), call(index=0, id="a", name="f", arguments="{}"))[2:4] == [
        "0 completed",
        "1 call a f WRITING CALLER",
    ]


def test_text_between_two_fragments_does_not_end_the_call() -> None:
    lines = events(
        call(index=0, id="a", name="f", arguments="{"), chunk(content="\n"), call(index=0, arguments="}"), chunk("stop")
    )
    assert lines == [
        "0 call a f WRITING CALLER",
        "0 + {",
        "1 text",
        "1 + \n",
        "1 completed",
        "0 + }",
        "0 READY",
        "0 completed",
        "finished TOOL_CALLS stop",
    ]


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_call_that_was_cut_off_is_left_open(reason: str) -> None:
    whole, cut = call(index=0, id="a", name="f", arguments="{}"), call(index=1, id="b", name="g", arguments='{"x"')
    assert events(whole, cut, chunk(reason))[4:-1] == ["0 READY", "0 completed"]


def test_a_refusal_is_text_of_its_own() -> None:
    assert events(chunk(content="Well."), chunk(refusal="I "), chunk(refusal="cannot."), chunk("stop")) == [
        "0 text",
        "0 + Well.",
        "0 completed",
        "1 refusal",
        "1 + I ",
        "1 + cannot.",
        "1 completed",
        "finished REFUSAL stop",
    ]


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("stop", "STOP"),
        ("length", "LENGTH"),
        ("tool_calls", "TOOL_CALLS"),
        ("function_call", "TOOL_CALLS"),
        ("content_filter", "CONTENT_FILTER"),
        ("insufficient_system_resource", "OTHER"),
    ],
)
def test_finish_reasons(word: str, line: str) -> None:
    assert events(chunk(word))[-1] == f"finished {line} {word}"


def test_no_finish_reason_is_something_else() -> None:
    assert events(chunk(content="a"))[-1] == "finished OTHER"


def test_only_the_first_choice_is_read() -> None:
    other = {"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}
    both = chunk("stop", content="yes")
    both["choices"].append(other)
    assert events(both) == ["0 text", "0 + yes", "0 completed", "finished STOP stop"]


def test_usage_in_every_chunk_is_told_once() -> None:
    lines = events(*[{**chunk(content="a"), "usage": {"completion_tokens": n}} for n in range(1, 4)])
    assert [line for line in lines if line.startswith("usage")] == ["usage m 0/3"]


@pytest.mark.parametrize(
    ("count", "kept"),
    [(-5, 0), (2**40, 2**31 - 1), (10**400, 2**31 - 1), (3.0, 3), (float("inf"), 0), ("7", 0), (True, 0), (None, 0)],
)
def test_absurd_counts_are_clamped(count: object, kept: int) -> None:
    assert events(usage(prompt_tokens=count, completion_tokens=1))[0] == f"usage m {kept}/1"


def test_unknown_fields_become_custom_events() -> None:
    assert events(
        {
            "service_tier": {"a": 1},
            "choices": [{"delta": {"content": "a", "mood": 7}, "stop": []}],
            "usage": None,
        },
        {"type": "ping"},
        {"choices": None},
        {"choices": [{"delta": None, "finish_reason": "stop"}]},
        usage(prompt_tokens=1, server_tool_use={"web": {"deep": 1}}, tier="flex"),
    ) == [
        "0 text",
        "0 + a",
        "custom openai_chat.mood 7",
        'custom openai_chat.type "ping"',
        "0 completed",
        "usage m 1/0",
        "finished STOP stop",
    ]


@pytest.mark.parametrize(
    "malformed",
    [
        {"choices": {}},
        {"choices": ["a"]},
        {"choices": [{"delta": "a"}]},
        chunk(content=7),
        chunk(content=["text"]),
        chunk(content=[{"type": "text", "text": 7}]),
        chunk(tool_calls={}),
        chunk(tool_calls=[{"function": "f"}]),
        chunk(tool_calls=[{"function": {"name": 1}}]),
        {"choices": [], "usage": 7},
    ],
)
def test_fields_of_the_wrong_kind_are_malformed(malformed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="something else"):
        events(malformed)


def test_halves_of_a_surrogate_pair_become_the_replacement_character() -> None:
    data = rb'{"choices": [{"delta": {"content": "a\ud83d"}}, {"delta": {"content": "\ud83d\ude00"}}]}'
    assert events(decode(data))[1:3] == ["0 + a\ufffd", "0 + 😀"]


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"null", b"<html>", b"[" * 100_000])
def test_data_that_is_no_object_is_malformed(data: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        decode(data)


def test_a_broken_character_does_not_break_the_chunk() -> None:
    assert decode(b'{"a": "x\xff"}') == {"a": "x\ufffd"}
