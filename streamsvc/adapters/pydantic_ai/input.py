"""Messages of a request, as Pydantic AI takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic_ai.messages import (
    AudioUrl,
    BinaryContent,
    DocumentUrl,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
    VideoUrl,
)

from streamsvc.v1 import content_pb2

_URLS = {"image": ImageUrl, "audio": AudioUrl, "video": VideoUrl}


def input_of(messages: Sequence[content_pb2.ChatMessage]) -> tuple[list[UserContent] | None, list[ModelMessage]]:
    """Return the prompt, which is the last message if that is a person's, and the messages before it.

    Left out are reasoning, data parts, files that a model made and files that an upstream keeps.
    """
    prompt: list[UserContent] | None = None
    if messages and messages[-1].role == content_pb2.ROLE_USER:
        prompt = list(_contents(messages[-1]))
        messages = messages[:-1]
    return prompt, [made for message in messages for made in _messages(message)]


def _messages(message: content_pb2.ChatMessage) -> Iterator[ModelMessage]:
    if message.role == content_pb2.ROLE_SYSTEM:
        text = "\n".join(part.text.text for part in message.parts if part.text.text)
        yield ModelRequest([SystemPromptPart(text)])
    elif message.role == content_pb2.ROLE_ASSISTANT:
        yield from _answered(message)
    else:
        yield ModelRequest([UserPromptPart(list(_contents(message)))])


def _contents(message: content_pb2.ChatMessage) -> Iterator[UserContent]:
    for part in message.parts:
        if part.HasField("text"):
            yield part.text.text
        elif part.file.HasField("data"):
            yield BinaryContent(part.file.data, media_type=part.file.media_type)
        elif part.file.url:
            url = _URLS.get(part.file.media_type.partition("/")[0], DocumentUrl)
            yield url(part.file.url, media_type=part.file.media_type or None)


def _answered(message: content_pb2.ChatMessage) -> Iterator[ModelMessage]:
    """Give an answer, with the results of each round of calls after it. A call without results is left out."""
    parts: list[ModelResponsePart] = []
    returns: list[ToolReturnPart] = []
    for part in message.parts:
        if returns and not part.HasField("tool_call"):
            yield ModelResponse(parts)
            yield ModelRequest(returns)
            parts, returns = [], []
        if part.text.text:
            parts.append(TextPart(part.text.text))
        elif part.tool_call.results:
            call = part.tool_call
            given = "\n".join(result.text or result.json or result.file.name for result in call.results)
            parts.append(ToolCallPart(call.name, call.arguments_json or "{}", call.call_id))
            returns.append(ToolReturnPart(call.name, given, call.call_id))
    if parts:
        yield ModelResponse(parts)
    if returns:
        yield ModelRequest(returns)
