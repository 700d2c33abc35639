"""Citations of each kind that the Messages API knows, as the log keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamsvc.producers.anthropic.messages import KEPT
from streamsvc.producers.fields import count_of, text_of
from streamsvc.v1 import content_pb2

# What a kind of place counts, the API's names for its ends, and with which number it begins to count.
_PLACES = {
    "char_location": (content_pb2.DOCUMENT_UNIT_CHARACTER, "char_index", 0),
    "page_location": (content_pb2.DOCUMENT_UNIT_PAGE, "page_number", 1),
    "content_block_location": (content_pb2.DOCUMENT_UNIT_BLOCK, "block_index", 0),
    "search_result_location": (content_pb2.DOCUMENT_UNIT_BLOCK, "block_index", 0),
}


def citation_of(given: Mapping[str, Any]) -> content_pb2.Citation:
    """Return a citation, which holds for its whole block of text. Raises ValueError if a field is malformed."""
    kind, title = text_of(given.get("type")), text_of(given.get("document_title") or given.get("title"))
    citation = content_pb2.Citation(
        title=title, snippet=text_of(given.get("cited_text")), upstream_json=KEPT.text(dict(given))
    )
    if kind in _PLACES:
        unit, name, first = _PLACES[kind]
        document = citation.document
        document.name, document.unit, document.file_id = title, unit, text_of(given.get("file_id"))
        document.document_index = count_of(given.get("document_index", given.get("search_result_index")))
        document.start = max(0, count_of(given.get(f"start_{name}")) - first)
        document.end = max(0, count_of(given.get(f"end_{name}")) - first)
    else:
        citation.url = text_of(given.get("url"))
    citation.source_id = _source(given, citation)
    return citation


def _source(given: Mapping[str, Any], citation: content_pb2.Citation) -> str:
    """Return what is the same for each citation of a source."""
    named = text_of(given.get("source") or given.get("file_id")) or citation.url
    return named or f"document_{citation.document.document_index}"
