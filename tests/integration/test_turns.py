"""An answer's parts are given as they are in the next request: what the upstream needs of them goes back to it."""

from __future__ import annotations

from typing import Any

import pytest

from streamsvc.v1 import content_pb2, job_service_pb2, state_pb2
from tests.support.chats import user
from tests.support.told_streams import FOLDER, read, service, steps_of, told

OSLO, ROME = '{"city":"Oslo"}', '{"city":"Rome"}'

ANTHROPIC: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "Where is it warm?"}]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Both cities then.", "signature": "c2lnbmVk"},
            {"type": "redacted_thinking", "data": "aGlkZGVu"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
            {
                "type": "tool_use",
                "id": "toolu_2",
                "name": "weather",
                "input": {"city": "Rome"},
                "caller": {"type": "direct"},
            },
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "20 C"}]},
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": [{"type": "text", "text": "20 C"}]},
        ],
    },
]
ANTHROPIC_FURTHER: list[dict[str, Any]] = [
    {
        "role": "assistant",
        "content": [
            {
                "type": "server_tool_use",
                "id": "srvtoolu_1",
                "name": "web_search",
                "input": {"query": "tide today"},
            },
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": [
                    {
                        "type": "web_search_result",
                        "url": "https://example.com/tide",
                        "title": "Tides",
                        "encrypted_content": "c2VjcmV0",
                        "page_age": "1 day",
                    }
                ],
            },
            {
                "type": "server_tool_use",
                "id": "srvtoolu_2",
                "name": "web_fetch",
                "input": {"url": "https://example.com/x"},
            },
            {
                "type": "web_fetch_tool_result",
                "tool_use_id": "srvtoolu_2",
                "content": {"type": "web_fetch_tool_result_error", "error_code": "url_not_accessible"},
            },
            {"type": "text", "text": "High at nine."},
        ],
    },
    {"role": "user", "content": [{"type": "text", "text": "And tomorrow?"}]},
]

CHAT: list[dict[str, Any]] = [
    {"role": "user", "content": "Where is it warm?"},
    {
        "role": "assistant",
        "content": "I look.",
        "reasoning_content": "Both cities then.",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": OSLO}},
            {
                "id": "call_2",
                "type": "function",
                "function": {"name": "weather", "arguments": ROME},
                "extra_content": {"google": {"thought_signature": "c2ln"}},
            },
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "20 C"},
    {"role": "tool", "tool_call_id": "call_2", "content": "20 C"},
]
CHAT_FURTHER: list[dict[str, Any]] = [
    {
        "role": "assistant",
        "content": "Four.",
        "reasoning_details": [
            {"type": "reasoning.text", "index": 0, "format": "told-v1", "text": "Both then.", "signature": "c2ln"}
        ],
    },
    {"role": "user", "content": "And tomorrow?"},
]

RESPONSES: list[dict[str, Any]] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is it warm?"}]},
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [
            {"type": "summary_text", "text": "**Look** at both."},
            {"type": "summary_text", "text": "Then answer."},
        ],
        "encrypted_content": "ZW5jcnlwdGVk",
    },
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": OSLO},
    {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "weather", "arguments": ROME},
    {"type": "function_call_output", "call_id": "call_1", "output": "20 C"},
    {"type": "function_call_output", "call_id": "call_2", "output": "20 C"},
]
RESPONSES_FURTHER: list[dict[str, Any]] = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "YWxs"},
    {
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "id": "msg_1",
        "content": [{"type": "output_text", "text": "Four.", "annotations": []}],
    },
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And tomorrow?"}]},
]


def answer(state: state_pb2.JobState) -> content_pb2.ChatMessage:
    """Return an answer as the next request gives it, with the results of its calls."""
    message = content_pb2.ChatMessage(role=content_pb2.ROLE_ASSISTANT, parts=state.parts)
    for part in message.parts:
        call = part.tool_call
        if part.HasField("tool_call") and call.runner == content_pb2.TOOL_RUNNER_CALLER:
            call.status = content_pb2.TOOL_CALL_STATUS_SUCCEEDED
            call.results.add(text="20 C")
    return message


@pytest.mark.parametrize(
    ("family", "key", "streams", "second", "further"),
    [
        ("anthropic", "messages", ("thinking_and_tools", "web_search"), ANTHROPIC, ANTHROPIC_FURTHER),
        ("openai_chat", "messages", ("reasoning_and_tools", "reasoning_details"), CHAT, CHAT_FURTHER),
        ("openai_responses", "input", ("reasoning_and_tools", "encrypted_reasoning"), RESPONSES, RESPONSES_FURTHER),
    ],
)
async def test_a_second_and_a_third_turn(
    family: str, key: str, streams: tuple[str, str], second: list[dict[str, Any]], further: list[dict[str, Any]]
) -> None:
    messages = [user("Where is it warm?")]
    async with service(family) as (upstream, client):
        for stream in (*streams, "text"):
            upstream.expect(*steps_of(read(FOLDER / family / f"{stream}.json")))
            state = await told(client, job_service_pb2.StartGenerationRequest(messages=messages))
            messages.append(answer(state))
            if stream == streams[1]:
                messages.append(user("And tomorrow?"))
        sent = [exchange.body[key] for exchange in upstream.exchanges]
    assert sent == [second[:1], second, second + further]


@pytest.mark.parametrize("family", ["anthropic", "openai_chat", "openai_responses"])
@pytest.mark.parametrize(
    "other", ["anthropic/thinking_and_tools", "anthropic/web_search", "openai_chat/reasoning_and_tools"]
)
async def test_an_answer_of_another_family_goes_on_with_what_all_understand(family: str, other: str) -> None:
    async with service(other.partition("/")[0]) as (upstream, client):
        upstream.expect(*steps_of(read(FOLDER / f"{other}.json")))
        state = await told(client, job_service_pb2.StartGenerationRequest(prompt="hi"))
    async with service(family) as (upstream, client):
        upstream.expect(*steps_of(read(FOLDER / family / "text.json")))
        messages = [user("hi"), answer(state), user("And now?")]
        after = await told(client, job_service_pb2.StartGenerationRequest(messages=messages))
        sent = str(upstream.exchanges[0].body)
    assert after.parts[-1].text.text == "Rivers run."
    own = {"c2lnbmVk", "aGlkZGVu", "c2VjcmV0", "c2ln", "Both cities then."} if not other.startswith(family) else set()
    assert not [secret for secret in own if secret in sent]
