"""Messages of a request, as the OpenAI Agents SDK takes them."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from streamsvc.adapters.openai_agents.input import input_of
from streamsvc.v1 import content_pb2
from tests.support.adapted import conversation


def test_a_conversation_with_files_and_calls() -> None:
    assert input_of(conversation()) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "How is Rome?"}]},
        {"role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Rome"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        {"role": "assistant", "content": "It is sunny."},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "And here?"},
                {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,cG5n"},
                {"type": "input_file", "file_url": "http://example.com/a.pdf", "filename": "a.pdf"},
                {"type": "input_image", "detail": "auto", "file_id": "f1"},
            ],
        },
    ]


def test_a_call_without_results_is_left_out() -> None:
    call = content_pb2.ContentPart(tool_call=content_pb2.ToolCallPart(call_id="c", name="weather"))
    assert input_of([content_pb2.ChatMessage(role=content_pb2.ROLE_ASSISTANT, parts=[call])]) == []


def test_the_docs_name_the_versions_that_are_tested() -> None:
    text = (Path(__file__).parents[2] / "docs" / "frameworks" / "openai-agents.md").read_text()
    assert f"Tested with openai-agents {version('openai-agents')} and openai {version('openai')}" in text
