"""Messages of a request, as Pydantic AI takes them."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from pydantic_ai import BinaryContent, DocumentUrl
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from streamsvc.adapters.pydantic_ai.input import input_of
from streamsvc.v1 import content_pb2
from tests.support.adapted import conversation


def test_a_conversation_with_files_and_calls() -> None:
    prompt, history = input_of(conversation())
    assert prompt is not None
    assert prompt[0] == "And here?"
    image, document = prompt[1:]
    assert isinstance(image, BinaryContent)
    assert (image.data, image.media_type) == (b"png", "image/png")
    assert isinstance(document, DocumentUrl)
    assert document.url == "http://example.com/a.pdf"
    assert [(type(message), [type(part) for part in message.parts]) for message in history] == [
        (ModelRequest, [SystemPromptPart]),
        (ModelRequest, [UserPromptPart]),
        (ModelResponse, [TextPart, ToolCallPart]),
        (ModelRequest, [ToolReturnPart]),
        (ModelResponse, [TextPart]),
    ]


def test_a_conversation_that_ends_with_an_answer_has_no_prompt() -> None:
    prompt, history = input_of(conversation()[:3])
    assert prompt is None
    assert len(history) == 5


def test_a_call_without_results_is_left_out() -> None:
    call = content_pb2.ContentPart(tool_call=content_pb2.ToolCallPart(call_id="c", name="weather"))
    assert input_of([content_pb2.ChatMessage(role=content_pb2.ROLE_ASSISTANT, parts=[call])]) == (None, [])


def test_the_docs_name_the_versions_that_are_tested() -> None:
    text = (Path(__file__).parents[2] / "docs" / "frameworks" / "pydantic-ai.md").read_text()
    assert f"Tested with pydantic-ai-slim {version('pydantic-ai-slim')} and openai {version('openai')}" in text
