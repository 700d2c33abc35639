"""Requests in the words of the Messages API, and what is refused before a job is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from streamsvc.errors import FieldInvalid
from streamsvc.producers.anthropic.request import MAX_TOKENS, arguments_of, hand_over
from streamsvc.v1 import content_pb2, job_service_pb2
from tests.support.chats import ask, text_part, user

PDF = content_pb2.FilePart(media_type="application/pdf", data=b"%PDF", name="tides.pdf")


def message(role: content_pb2.Role.ValueType, *parts: content_pb2.ContentPart) -> content_pb2.ChatMessage:
    return content_pb2.ChatMessage(role=role, parts=parts)


def assistant(*parts: content_pb2.ContentPart) -> content_pb2.ChatMessage:
    return message(content_pb2.ROLE_ASSISTANT, *parts)


def call(**fields: Any) -> content_pb2.ContentPart:
    given = {"call_id": "x", "name": "f", "arguments_json": '{"a":1}', **fields}
    return content_pb2.ContentPart(tool_call=content_pb2.ToolCallPart(**given))


def file(upstream_json: str = "", **fields: Any) -> content_pb2.ContentPart:
    return content_pb2.ContentPart(file=content_pb2.FilePart(**fields), upstream_json=upstream_json)


def messages(*given: content_pb2.ChatMessage) -> Any:
    return arguments_of(ask(*given))["messages"]


def content(*parts: content_pb2.ContentPart) -> Any:
    return messages(message(content_pb2.ROLE_USER, *parts))[0]["content"]


def refused(*given: content_pb2.ChatMessage, **fields: Any) -> str:
    with pytest.raises(FieldInvalid) as caught:
        arguments_of(ask(*given, **fields))
    (violation,) = caught.value.violations
    return violation.field


def test_a_plain_question() -> None:
    assert arguments_of(ask(user("hi"), model="claude")) == {
        "model": "claude",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "stream": True,
        "extra_body": {},
    }


def test_instructions_stand_apart() -> None:
    system = message(content_pb2.ROLE_SYSTEM, text_part("Be brief."), text_part(""))
    arguments = arguments_of(ask(system, user("hi")))
    assert arguments["system"] == [{"type": "text", "text": "Be brief."}]
    assert len(arguments["messages"]) == 1


def test_what_says_nothing_is_left_out() -> None:
    assert messages(user(" \n"), user("hi"), assistant(text_part(""), text_part("\n")), assistant()) == [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    ]


def test_sampling_and_tools() -> None:
    parameters = job_service_pb2.GenerationParameters(
        temperature=0,
        max_tokens=7,
        stop_sequences=["\n"],
        extra_json='{"tools": [{"type": "web_search", "name": "web_search"}], "thinking": {"type": "adaptive"}}',
    )
    tools = [job_service_pb2.Tool(name="f", description="Looks.", parameters_json='{"type":"object"}')]
    arguments = arguments_of(ask(parameters=parameters, tools=tools))
    assert {name: arguments[name] for name in ("max_tokens", "stop_sequences", "extra_body")} == {
        "max_tokens": 7,
        "stop_sequences": ["\n"],
        "extra_body": {"temperature": 0, "thinking": {"type": "adaptive"}},
    }
    assert arguments["tools"] == [
        {"name": "f", "description": "Looks.", "input_schema": {"type": "object"}},
        {"type": "web_search", "name": "web_search"},
    ]


def test_files() -> None:
    assert content(
        file(media_type="image/png", url="http://a/b.png"),
        file(media_type="image/png", data=b"\x89PNG"),
        file(media_type="application/pdf", file_id="file_1", name="a.pdf"),
        file('{"anthropic":{"citations":{"enabled":true}}}', media_type="text/plain", data=b"High.", name="tide"),
    ) == [
        {"type": "image", "source": {"type": "url", "url": "http://a/b.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}, "title": "a.pdf"},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "High."},
            "title": "tide",
            "citations": {"enabled": True},
        },
    ]


def test_every_call_has_a_result_in_the_message_after_it() -> None:
    failed = call(status=content_pb2.TOOL_CALL_STATUS_FAILED)
    image = content_pb2.ToolResultPart(file=content_pb2.FilePart(media_type="image/png", url="http://a"))
    pictured = call(call_id="y", results=[content_pb2.ToolResultPart(text="See"), image])
    said = messages(user("hi"), assistant(text_part("Look:"), failed, pictured, text_part("Well.")))
    assert [part["role"] for part in said] == ["user", "assistant", "user", "assistant"]
    assert said[2]["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "x",
            "content": [{"type": "text", "text": "The tool failed."}],
            "is_error": True,
        },
        {
            "type": "tool_result",
            "tool_use_id": "y",
            "content": [
                {"type": "text", "text": "See"},
                {"type": "image", "source": {"type": "url", "url": "http://a"}},
            ],
        },
    ]


def test_a_call_that_was_cut_off_is_not_sent() -> None:
    cut = call(status=content_pb2.TOOL_CALL_STATUS_WRITING, arguments_json='{"a')
    assert messages(user("hi"), assistant(text_part("Look:"), cut))[1:] == [
        {"role": "assistant", "content": [{"type": "text", "text": "Look:"}]}
    ]


def test_citations_go_back_with_their_text() -> None:
    cited = text_part("Old.")
    cited.text.citations.add(upstream_json='{"anthropic":{"type":"char_location","cited_text":"Old."}}')
    cited.text.citations.add(upstream_json='{"openai_responses":{"type":"url_citation"}}')
    assert messages(user("hi"), assistant(cited))[1]["content"] == [
        {"type": "text", "text": "Old.", "citations": [{"type": "char_location", "cited_text": "Old."}]}
    ]


def test_reasoning_without_a_signature_and_refusals_stay_here() -> None:
    reasoning = content_pb2.ContentPart(reasoning=content_pb2.ReasoningPart(text="Hm"))
    refusal = content_pb2.ContentPart(text=content_pb2.TextPart(text="No.", refusal=True))
    assert len(messages(user("hi"), assistant(reasoning, refusal))) == 1


def test_a_block_that_was_not_known_goes_back_as_it_was() -> None:
    data = content_pb2.DataPart(name="anthropic.container_upload", json='{"type":"container_upload","file_id":"f"}')
    sent = messages(user("hi"), assistant(content_pb2.ContentPart(data=data)))
    assert sent[1]["content"] == [{"type": "container_upload", "file_id": "f"}]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (file(media_type="audio/wav", data=b"x"), "messages[0].parts[0].file.media_type"),
        (file(media_type="image/png"), "messages[0].parts[0].file.source"),
        (content_pb2.ContentPart(data=content_pb2.DataPart(name="acme.chart")), "messages[0].parts[0].data"),
        (call(), "messages[0].parts[0].tool_call"),
        (content_pb2.ContentPart(), "messages[0].parts[0]"),
    ],
)
def test_what_a_person_cannot_send(part: content_pb2.ContentPart, field: str) -> None:
    assert refused(message(content_pb2.ROLE_USER, part)) == field


def test_what_an_answer_cannot_hold() -> None:
    assert refused(assistant(file(media_type="image/png", url="http://a"))) == "messages[0].parts[0].file"
    assert refused(assistant(call(arguments_json="[1]"))) == "messages[0].parts[0].tool_call.arguments_json"
    broken = content_pb2.ContentPart(text=content_pb2.TextPart(text="a"), upstream_json="{")
    assert refused(assistant(broken)) == "messages[0].parts[0].upstream_json"


@pytest.mark.parametrize("key", ["stream", "messages", "model", "system"])
def test_extra_parameters_must_not_change_what_is_streamed(key: str) -> None:
    parameters = job_service_pb2.GenerationParameters(extra_json=f'{{"{key}": null}}')
    assert refused(parameters=parameters) == "parameters.extra_json"


def test_tools_of_the_upstream_are_a_list() -> None:
    assert (
        refused(parameters=job_service_pb2.GenerationParameters(extra_json='{"tools": 7}')) == "parameters.extra_json"
    )


def test_something_must_be_said() -> None:
    assert refused(user(" ")) == "messages"


def test_the_beginning_of_an_answer_is_handed_over_without_thinking_again() -> None:
    parameters = job_service_pb2.GenerationParameters(extra_json='{"thinking": {"type": "enabled"}, "top_k": 1}')
    arguments = arguments_of(ask(user("hi"), assistant(text_part("Well. ")), parameters=parameters))
    assert hand_over(arguments, "Rivers") == "Well. Rivers"
    assert arguments["messages"][1:] == [{"role": "assistant", "content": [{"type": "text", "text": "Well. Rivers"}]}]
    assert arguments["extra_body"] == {"top_k": 1}
