"""Annotations of each kind that the Responses API knows, as the log keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamsvc.producers.fields import count_of, text_of
from streamsvc.producers.openai_responses.messages import KEPT
from streamsvc.v1 import content_pb2


def citation_of(given: Mapping[str, Any]) -> content_pb2.Citation:
    """Return a citation. A place in the text without a length is a range without one. Raises ValueError."""
    place = count_of(given.get("index")) if given.get("type") == "file_citation" else 0
    citation = content_pb2.Citation(
        start_index=count_of(given.get("start_index")) or place,
        end_index=count_of(given.get("end_index")) or place,
        title=text_of(given.get("title") or given.get("filename")),
        upstream_json=KEPT.text(dict(given)),
    )
    if url := text_of(given.get("url")):
        citation.url = citation.source_id = url
    elif file_id := text_of(given.get("file_id")):
        citation.source_id = citation.document.file_id = file_id
        citation.document.name = text_of(given.get("filename"))
    return citation
