"""What tools and models give in Pydantic AI, as results, files and sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pydantic_core
from pydantic_ai.messages import (
    BaseToolReturnPart,
    BinaryContent,
    CachePoint,
    Citation,
    ContentCitationAnchor,
    FileUrl,
    TextContent,
    UploadedFile,
    UserContent,
    WebCitationSource,
)

from streamsvc.adapters import files
from streamsvc.v1 import content_pb2

_STATUSES = {
    "success": content_pb2.TOOL_CALL_STATUS_SUCCEEDED,
    "denied": content_pb2.TOOL_CALL_STATUS_DENIED,
}


def status_of(part: BaseToolReturnPart[Any]) -> content_pb2.ToolCallStatus.ValueType:
    """Return how a call ended. One that the model is to make again has failed."""
    return _STATUSES.get(part.outcome, content_pb2.TOOL_CALL_STATUS_FAILED)


def results_of(
    part: BaseToolReturnPart[Any], also: str | Sequence[UserContent] | None = None
) -> list[content_pb2.ToolResultPart]:
    """Return what a tool gave: its value, and what the model is shown beside it."""
    if isinstance(part.content, list) and not part.files:
        given: list[Any] = [part.content]
    else:
        given = part.content_items()
    shown = [also] if isinstance(also, str) else also or ()
    return [result for item in (*given, *shown) for result in _result(item)]


def json_of(value: Any) -> str:
    """Return a value as JSON text."""
    return pydantic_core.to_json(value, fallback=str).decode()


def file_of(content: BinaryContent | FileUrl | UploadedFile) -> content_pb2.FilePart:
    """Return a file."""
    if isinstance(content, BinaryContent):
        return files.inline(content.data, content.media_type)
    if isinstance(content, FileUrl):
        return files.at(content.url)
    return content_pb2.FilePart(file_id=content.file_id)


def citations_of(citation: Citation) -> Iterator[content_pb2.Citation]:
    """Return one citation a source. A marker in the text supports nothing beside it: such a one is of the whole."""
    for source in citation.sources:
        made = content_pb2.Citation(title=source.title or "", snippet="\n".join(source.excerpts))
        if isinstance(citation.anchor, ContentCitationAnchor):
            made.start_index, made.end_index = citation.anchor.start, citation.anchor.end
        if isinstance(source, WebCitationSource):
            made.url = made.source_id = source.url
        else:
            made.source_id = made.document.file_id = source.document_id or ""
            made.document.name = source.title or ""
        yield made


def _result(item: Any) -> Iterator[content_pb2.ToolResultPart]:
    if item is None or isinstance(item, CachePoint):
        return
    if isinstance(item, str):
        yield content_pb2.ToolResultPart(text=item)
    elif isinstance(item, TextContent):
        yield content_pb2.ToolResultPart(text=item.content)
    elif isinstance(item, BinaryContent | FileUrl | UploadedFile):
        yield content_pb2.ToolResultPart(file=file_of(item))
    else:
        yield content_pb2.ToolResultPart(json=json_of(item))
