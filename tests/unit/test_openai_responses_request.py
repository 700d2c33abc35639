"""Requests in the words of the Responses API, and what is refused before a job is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from streamsvc.errors import FieldInvalid
from streamsvc.producers.openai_responses.request import arguments_of, hand_over, is_bound
from streamsvc.v1 import content_pb2, job_service_pb2
from tests.support.chats import ask, text_part, user

HI = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


def message(role: content_pb2.Role.ValueType, *parts: content_pb2.ContentPart) -> content_pb2.ChatMessage:
    return content_pb2.ChatMessage(role=role, parts=parts)


def assistant(*parts: content_pb2.ContentPart) -> content_pb2.ChatMessage:
    return message(content_pb2.ROLE_ASSISTANT, *parts)


def file(**fields: Any) -> content_pb2.ContentPart:
    return content_pb2.ContentPart(file=content_pb2.FilePart(**fields))


def items(*given: content_pb2.ChatMessage) -> Any:
    return arguments_of(ask(*given))["input"]


def extra(text: str, **fields: Any) -> job_service_pb2.GenerationParameters:
    return job_service_pb2.GenerationParameters(extra_json=text, **fields)


def refused(*given: content_pb2.ChatMessage, **fields: Any) -> str:
    with pytest.raises(FieldInvalid) as caught:
        arguments_of(ask(*given, **fields))
    (violation,) = caught.value.violations
    return violation.field


def test_a_plain_question() -> None:
    assert arguments_of(ask(user("hi"), model="gpt")) == {
        "model": "gpt",
        "input": [HI],
        "stream": True,
        "extra_body": {},
    }


def test_sampling_and_tools() -> None:
    parameters = extra('{"tools": [{"type": "web_search"}], "store": false}', temperature=0, top_p=0.5, max_tokens=7)
    tools = [job_service_pb2.Tool(name="f", parameters_json='{"type":"object"}')]
    arguments = arguments_of(ask(parameters=parameters, tools=tools))
    assert {name: arguments[name] for name in arguments.keys() - {"model", "input", "stream"}} == {
        "temperature": 0,
        "top_p": 0.5,
        "max_output_tokens": 7,
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False},
            {"type": "web_search"},
        ],
        "extra_body": {"store": False},
    }


def test_what_says_nothing_is_left_out() -> None:
    system = message(content_pb2.ROLE_SYSTEM, text_part("Be brief."), text_part(""))
    assert items(system, user(""), user("hi"), assistant(text_part("")), assistant()) == [
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
        HI,
    ]


def test_files() -> None:
    given = message(
        content_pb2.ROLE_USER,
        file(media_type="image/png", url="http://a/b.png"),
        file(media_type="image/png", data=b"\x89PNG"),
        file(media_type="application/pdf", data=b"%PDF", name="a.pdf"),
        file(media_type="text/csv", file_id="file_1"),
    )
    assert items(given)[0]["content"] == [
        {"type": "input_image", "image_url": "http://a/b.png"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        {"type": "input_file", "file_id": "file_1"},
    ]


def test_an_answer_of_another_family_is_plain_text_and_calls() -> None:
    called = content_pb2.ToolCallPart(call_id="x", name="f", status=content_pb2.TOOL_CALL_STATUS_DENIED)
    answer = assistant(
        content_pb2.ContentPart(reasoning=content_pb2.ReasoningPart(text="Hm")),
        text_part("Look:"),
        content_pb2.ContentPart(tool_call=called),
        text_part("Well."),
    )
    assert items(user("hi"), answer)[1:] == [
        {"type": "message", "role": "assistant", "content": "Look:"},
        {"type": "function_call", "call_id": "x", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "x", "output": "The call was denied."},
        {"type": "message", "role": "assistant", "content": "Well."},
    ]


def test_pieces_of_one_message_are_one_again() -> None:
    pieces = [text_part("One."), text_part("Two.")]
    for piece in pieces:
        piece.upstream_json = '{"openai_responses":{"id":"msg_1","phase":"commentary"}}'
    pieces[0].text.citations.add(upstream_json='{"openai_responses":{"type":"file_path","file_id":"f"}}')
    assert items(user("hi"), assistant(*pieces))[1:] == [
        {
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "id": "msg_1",
            "phase": "commentary",
            "content": [
                {"type": "output_text", "text": "One.", "annotations": [{"type": "file_path", "file_id": "f"}]},
                {"type": "output_text", "text": "Two.", "annotations": []},
            ],
        }
    ]


def test_calls_of_other_kinds_go_back_as_what_they_were() -> None:
    patch = content_pb2.ToolCallPart(
        call_id="x", name="patch", arguments_json='{"input":"*** a"}', status=content_pb2.TOOL_CALL_STATUS_SUCCEEDED
    )
    patch.results.add(text="done")
    shell = content_pb2.ToolCallPart(call_id="y", name="local_shell", status=content_pb2.TOOL_CALL_STATUS_SUCCEEDED)
    shell.results.add(json='{"stdout":"a"}')
    answer = assistant(
        content_pb2.ContentPart(
            tool_call=patch, upstream_json='{"openai_responses":{"id":"ctc_1","type":"custom_tool_call"}}'
        ),
        content_pb2.ContentPart(
            tool_call=shell,
            upstream_json='{"openai_responses":{"id":"lsh_1","type":"local_shell_call","action":{"type":"exec"}}}',
        ),
    )
    assert items(user("hi"), answer)[1:] == [
        {"type": "custom_tool_call", "call_id": "x", "name": "patch", "input": "*** a", "id": "ctc_1"},
        {"type": "local_shell_call", "call_id": "y", "id": "lsh_1", "action": {"type": "exec"}},
        {"type": "custom_tool_call_output", "call_id": "x", "output": "done"},
        {"type": "local_shell_call_output", "call_id": "y", "output": {"stdout": "a"}},
    ]


def test_what_the_upstream_ran_goes_back_as_it_was() -> None:
    searched = content_pb2.ToolCallPart(call_id="ws_1", runner=content_pb2.TOOL_RUNNER_UPSTREAM)
    made = content_pb2.FilePart(media_type="image/png", data=b"\x89PNG")
    answer = assistant(
        content_pb2.ContentPart(
            tool_call=searched, upstream_json='{"openai_responses":{"id":"ws_1","type":"web_search_call"}}'
        ),
        content_pb2.ContentPart(
            file=made, upstream_json='{"openai_responses":{"id":"ig_1","type":"image_generation_call"}}'
        ),
        content_pb2.ContentPart(data=content_pb2.DataPart(name="openai_responses.program", json='{"type":"program"}')),
    )
    assert items(user("hi"), answer)[1:] == [
        {"id": "ws_1", "type": "web_search_call"},
        {"status": "completed", "result": "iVBORw==", "id": "ig_1", "type": "image_generation_call"},
        {"type": "program"},
    ]


def test_a_person_answers_what_the_service_asks_in_its_own_words() -> None:
    answer = content_pb2.DataPart(
        name="openai_responses.mcp_approval_response", json='{"type":"mcp_approval_response","approve":true}'
    )
    assert items(message(content_pb2.ROLE_USER, content_pb2.ContentPart(data=answer))) == [
        {"type": "mcp_approval_response", "approve": True}
    ]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (file(media_type="audio/wav", data=b"x"), "messages[0].parts[0].file.media_type"),
        (file(media_type="image/png"), "messages[0].parts[0].file.source"),
        (content_pb2.ContentPart(data=content_pb2.DataPart(name="acme.chart")), "messages[0].parts[0].data"),
        (content_pb2.ContentPart(), "messages[0].parts[0]"),
    ],
)
def test_what_a_person_cannot_send(part: content_pb2.ContentPart, field: str) -> None:
    assert refused(message(content_pb2.ROLE_USER, part)) == field


def test_what_the_api_cannot_say() -> None:
    assert refused(parameters=extra("", stop_sequences=["\n"])) == "parameters.stop_sequences"
    assert refused(parameters=extra('{"input": "x"}')) == "parameters.extra_json"
    assert refused(assistant(file(media_type="image/png", url="http://a"))) == "messages[0].parts[0].file"
    assert refused(user("")) == "messages"


@pytest.mark.parametrize(("form", "bound"), [("text", False), ("json_schema", True)])
def test_an_answer_that_is_held_to_a_form(form: str, bound: bool) -> None:
    assert is_bound({"text": {"format": {"type": form}}}) is bound
    assert not is_bound({})


def test_the_beginning_of_an_answer_is_handed_over() -> None:
    arguments = arguments_of(ask(user("hi"), assistant(text_part("Well. "))))
    assert hand_over(arguments, "Rivers") == "Well. Rivers"
    block = {"type": "output_text", "text": "Well. Rivers", "annotations": []}
    assert arguments["input"] == [HI, {"type": "message", "role": "assistant", "content": [block]}]
