"""Annotations of the Responses API, as citations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamsvc.v1 import content_pb2


def citation_of(given: Mapping[str, Any]) -> content_pb2.Citation:
    """Return a citation. A place in the text without a length is a range without one."""
    place = given.get("index") or 0
    citation = content_pb2.Citation(
        start_index=given.get("start_index") or place,
        end_index=given.get("end_index") or place,
        title=given.get("title") or given.get("filename") or "",
    )
    if url := given.get("url"):
        citation.url = citation.source_id = url
    elif file_id := given.get("file_id"):
        citation.source_id = citation.document.file_id = file_id
        citation.document.name = given.get("filename") or ""
    return citation
