"""Requests in the words of the chat completions API, and what is refused before a job is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamsvc.errors import FieldInvalid
from streamsvc.producers.openai_chat.request import arguments_of
from streamsvc.v1 import content_pb2, job_service_pb2
from tests.support.chats import ask, text_part, user

PIXEL = b"\x89PNG"
REASONING = content_pb2.ContentPart(reasoning=content_pb2.ReasoningPart(text="Hm"))
DATA = content_pb2.ContentPart(data=content_pb2.DataPart(name="acme.chart", json="{}"))


def messages(*given: content_pb2.ChatMessage) -> Any:
    return arguments_of(ask(*given))["messages"]


def message(role: content_pb2.Role.ValueType, *parts: content_pb2.ContentPart) -> content_pb2.ChatMessage:
    return content_pb2.ChatMessage(role=role, parts=parts)


def assistant(*parts: content_pb2.ContentPart) -> content_pb2.ChatMessage:
    return message(content_pb2.ROLE_ASSISTANT, *parts)


def call(
    call_id: str,
    *results: content_pb2.ToolResultPart,
    status: content_pb2.ToolCallStatus.ValueType = content_pb2.TOOL_CALL_STATUS_SUCCEEDED,
    arguments: str = '{"a":1}',
) -> content_pb2.ContentPart:
    made = content_pb2.ToolCallPart(call_id=call_id, name="f", arguments_json=arguments, status=status, results=results)
    return content_pb2.ContentPart(tool_call=made)


def image(**fields: Any) -> content_pb2.ContentPart:
    return content_pb2.ContentPart(file=content_pb2.FilePart(**{"media_type": "image/png", **fields}))


def tool(**fields: str) -> job_service_pb2.Tool:
    return job_service_pb2.Tool(**fields)


def refused(request: job_service_pb2.StartGenerationRequest) -> str:
    with pytest.raises(FieldInvalid) as caught:
        arguments_of(request)
    (violation,) = caught.value.violations
    return violation.field


def extra(text: str) -> job_service_pb2.GenerationParameters:
    return job_service_pb2.GenerationParameters(extra_json=text)


def test_a_plain_question() -> None:
    assert arguments_of(ask(user("hi"), model="llama")) == {
        "model": "llama",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "extra_body": {},
    }


def test_roles() -> None:
    system = message(content_pb2.ROLE_SYSTEM, text_part("Be brief."), text_part("Be kind."))
    assert messages(system, user("hi"), assistant(text_part("Hel"), text_part("lo")), user("bye")) == [
        {"role": "system", "content": "Be brief.\nBe kind."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "bye"},
    ]


def test_reasoning_stays_here_and_a_refusal_is_text() -> None:
    refusal = content_pb2.ContentPart(text=content_pb2.TextPart(text="No.", refusal=True))
    assert messages(user("hi"), assistant(REASONING, refusal))[1] == {"role": "assistant", "content": "No."}


@pytest.mark.parametrize("part", [text_part(""), text_part(" \n"), REASONING])
def test_no_empty_answer_is_sent(part: content_pb2.ContentPart) -> None:
    assert messages(user("hi"), assistant(part), assistant()) == [{"role": "user", "content": "hi"}]


def test_tool_calls_and_their_results() -> None:
    both = (content_pb2.ToolResultPart(text="20 C"), content_pb2.ToolResultPart(json='{"wind":3}'))
    answer = assistant(text_part("Look:"), call("x", *both), call("y", both[1]), text_part("Warm."))
    function = {"name": "f", "arguments": '{"a":1}'}
    calls = [
        {"id": "x", "type": "function", "function": function},
        {"id": "y", "type": "function", "function": function},
    ]
    assert messages(user("hi"), answer)[1:] == [
        {"role": "assistant", "content": "Look:", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "x", "content": '20 C\n{"wind":3}'},
        {"role": "tool", "tool_call_id": "y", "content": '{"wind":3}'},
        {"role": "assistant", "content": "Warm."},
    ]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (content_pb2.TOOL_CALL_STATUS_SUCCEEDED, ""),
        (content_pb2.TOOL_CALL_STATUS_READY, "The tool was not run."),
        (content_pb2.TOOL_CALL_STATUS_DENIED, "The call was denied."),
        (content_pb2.TOOL_CALL_STATUS_FAILED, "The tool failed."),
    ],
)
def test_every_call_has_a_result(status: content_pb2.ToolCallStatus.ValueType, said: str) -> None:
    assert messages(user("hi"), assistant(call("x", status=status)))[-1]["content"] == said


def test_a_call_without_arguments_has_an_empty_object_of_them() -> None:
    answer = messages(user("hi"), assistant(call("", arguments="")))[1]
    assert answer["content"] is None
    assert answer["tool_calls"][0] == {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_a_call_that_was_cut_off_is_not_sent() -> None:
    cut = call("x", status=content_pb2.TOOL_CALL_STATUS_WRITING)
    assert messages(user("hi"), assistant(text_part("Look:"), cut))[1:] == [{"role": "assistant", "content": "Look:"}]


def test_images_beside_text() -> None:
    content = messages(
        message(content_pb2.ROLE_USER, text_part("What?"), image(url="http://a/b.png"), image(data=PIXEL))
    )
    assert content[0]["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": "http://a/b.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
    ]


def test_sampling() -> None:
    parameters = job_service_pb2.GenerationParameters(temperature=0, top_p=0.5, max_tokens=7, stop_sequences=["\n"])
    arguments = arguments_of(ask(parameters=parameters))
    assert {name: arguments[name] for name in ("temperature", "top_p", "max_tokens", "stop")} == {
        "temperature": 0,
        "top_p": 0.5,
        "max_tokens": 7,
        "stop": ["\n"],
    }


def test_the_newer_token_limit_takes_the_place_of_the_older() -> None:
    parameters = job_service_pb2.GenerationParameters(max_tokens=7, extra_json='{"max_completion_tokens": 9}')
    arguments = arguments_of(ask(parameters=parameters))
    assert "max_tokens" not in arguments
    assert arguments["extra_body"] == {"max_completion_tokens": 9}


def test_tools() -> None:
    given = tool(name="f", description="Looks.", parameters_json='{"type":"object","required":[]}')
    assert arguments_of(ask(tools=[given, tool(name="g")]))["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "Looks.", "parameters": {"type": "object", "required": []}},
        },
        {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}},
    ]


@pytest.mark.parametrize("text", ["[1]", "7", "{", "null", '{"a": NaN}', r'{"a": "\ud800"}', "[" * 100_000])
def test_extra_parameters_must_be_a_json_object(text: str) -> None:
    assert refused(ask(parameters=extra(text))) == "parameters.extra_json"


@pytest.mark.parametrize("key", ["stream", "stream_options", "messages", "model"])
def test_extra_parameters_must_not_change_what_is_streamed(key: str) -> None:
    assert refused(ask(parameters=extra(json.dumps({"seed": 1, key: None})))) == "parameters.extra_json"


def test_tools_must_have_a_name_and_a_schema() -> None:
    assert refused(ask(tools=[tool(name="f"), tool(name="g", parameters_json="[]")])) == "tools[1].parameters_json"
    assert refused(ask(tools=[tool(description="what?")])) == "tools[0].name"


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (image(media_type="application/pdf", url="http://a"), "messages[1].parts[0].file.media_type"),
        (image(file_id="file-1"), "messages[1].parts[0].file.source"),
        (image(), "messages[1].parts[0].file.source"),
        (DATA, "messages[1].parts[0].data"),
        (REASONING, "messages[1].parts[0].reasoning"),
        (call("x"), "messages[1].parts[0].tool_call"),
        (content_pb2.ContentPart(), "messages[1].parts[0]"),
    ],
)
def test_what_a_person_cannot_send(part: content_pb2.ContentPart, field: str) -> None:
    assert refused(ask(user("hi"), message(content_pb2.ROLE_USER, part))) == field


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (image(url="http://a"), "messages[0].parts[0].file"),
        (DATA, "messages[0].parts[0].data"),
        (
            call("x", content_pb2.ToolResultPart(file=content_pb2.FilePart())),
            "messages[0].parts[0].tool_call.results[0].file",
        ),
    ],
)
def test_what_an_answer_cannot_hold(part: content_pb2.ContentPart, field: str) -> None:
    assert refused(ask(assistant(part))) == field


def test_a_role_must_be_known() -> None:
    assert refused(ask(message(content_pb2.ROLE_UNSPECIFIED, text_part("hi")))) == "messages[0].role"


def test_something_must_be_said() -> None:
    assert refused(ask(assistant())) == "messages"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_sampling_must_be_finite(value: float) -> None:
    parameters = job_service_pb2.GenerationParameters(temperature=value)
    assert refused(ask(parameters=parameters)) == "parameters.temperature"


def test_an_error_says_the_rule_and_the_way_out() -> None:
    with pytest.raises(FieldInvalid, match=r"^parameters\.extra_json: must not hold `stream`.*; leave the key out$"):
        arguments_of(ask(parameters=extra('{"stream": false}')))
