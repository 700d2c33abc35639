"""Hypothesis strategies for what events hold: texts, parts, steps, usage, and what later versions may bring."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from streamsvc.v1 import content_pb2, job_pb2

NOW = 1_790_000_000
"""Seconds since 1970 at which histories begin."""
_INT32 = (0, 1, 7, 2**31 - 1, 2**31 - 2, -1, -(2**31))

TEXTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["", "\r\n", "\r", "\n\n", "𝔘𝔫𝔦", "👩‍👩‍👧", "e\u0301", "\u2028", "\x00", "漢字", "\ufeff"]),
)
IDS = st.sampled_from(["", "a", "b", "step-3"])
COUNTS = st.sampled_from(_INT32)
JSON = st.sampled_from(["", "{}", "[]", '{"a":1.0}', '"\\ud83d\\ude00"', " [1 , 2]\r\n"])


def maps(values: st.SearchStrategy[str], entries: int = 3) -> st.SearchStrategy[dict[str, str]]:
    """Small maps, with keys that come again."""
    return st.dictionaries(st.sampled_from(["title", "k", "ü", ""]), values, max_size=entries)


def varint(value: int) -> bytes:
    """Return a protobuf varint."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def unknown_field(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field as a later version of the protocol might write it."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def unknown_part(number: int, payload: bytes) -> content_pb2.ContentPart:
    """Return a part of a kind that this version does not know."""
    return content_pb2.ContentPart.FromString(unknown_field(number, payload))


def _file(source: str, text: str) -> content_pb2.FilePart:
    file = content_pb2.FilePart(media_type="image/png", name=text)
    if source == "data":
        file.data = text.encode()
    elif source:
        setattr(file, source, text)
    return file


def _result(kind: str, text: str) -> content_pb2.ToolResultPart:
    if kind == "file":
        return content_pb2.ToolResultPart(file=_file("url", text))
    return content_pb2.ToolResultPart(json=text) if kind == "json" else content_pb2.ToolResultPart(text=text)


def _location(name: str, start: int) -> content_pb2.DocumentLocation:
    return content_pb2.DocumentLocation(name=name, unit=content_pb2.DOCUMENT_UNIT_PAGE, start=start, end=start + 1)


FILES = st.builds(_file, st.sampled_from(["", "url", "data", "file_id"]), TEXTS)
RESULTS = st.lists(st.builds(_result, st.sampled_from(["text", "json", "file"]), TEXTS), max_size=2)
CITATIONS = st.one_of(
    st.builds(content_pb2.Citation, start_index=COUNTS, title=TEXTS, url=TEXTS),
    st.builds(content_pb2.Citation, snippet=TEXTS, document=st.builds(_location, TEXTS, st.integers(0, 9))),
)
ERRORS = st.builds(job_pb2.JobError, reason=IDS, message=TEXTS, retryable=st.booleans(), metadata=maps(TEXTS, 1))
STATUSES = st.sampled_from(content_pb2.ToolCallStatus.values()) | st.just(99)
TOOL_CALLS = st.builds(
    content_pb2.ToolCallPart, call_id=IDS, name=TEXTS, arguments_json=TEXTS, status=STATUSES, results=RESULTS
)
KINDS: dict[str, st.SearchStrategy[content_pb2.ContentPart]] = {
    "text": st.builds(
        content_pb2.ContentPart,
        text=st.builds(content_pb2.TextPart, text=TEXTS, citations=st.lists(CITATIONS, max_size=1)),
        completed=st.booleans(),
    ),
    "reasoning": st.builds(
        content_pb2.ContentPart,
        reasoning=st.builds(content_pb2.ReasoningPart, text=TEXTS, summary=st.booleans()),
        step_id=IDS,
    ),
    "tool_call": st.builds(content_pb2.ContentPart, tool_call=TOOL_CALLS, upstream_json=JSON),
    "file": st.builds(content_pb2.ContentPart, file=FILES, completed=st.booleans()),
    "data": st.builds(content_pb2.ContentPart, data=st.builds(content_pb2.DataPart, name=IDS, json=JSON)),
    "unknown": st.builds(unknown_part, st.sampled_from([50, 51]), st.binary(max_size=4)),
}
"""Parts of each kind; `unknown` stands for all that later versions may bring."""

PARTS = st.one_of(*KINDS.values())
STEPS = st.builds(
    content_pb2.RunStep,
    id=IDS,
    parent_id=IDS,
    title=TEXTS,
    status=st.sampled_from(content_pb2.RunStepStatus.values()),
    detail_json=JSON,
    create_time=st.none() | st.builds(Timestamp, seconds=st.just(NOW)),
    error=st.none() | ERRORS,
)
USAGES = st.builds(
    content_pb2.Usage,
    input_tokens=COUNTS,
    output_tokens=COUNTS,
    reasoning_tokens=COUNTS,
    cached_input_tokens=COUNTS,
    cache_write_input_tokens=COUNTS,
    details=st.dictionaries(st.sampled_from(["audio", "searches"]), COUNTS, max_size=1),
)
ENTRIES = st.builds(content_pb2.UsageEntry, step_id=IDS, model=IDS, attempt=st.integers(1, 2), usage=USAGES)
QUESTIONS = st.builds(
    content_pb2.InputRequest, id=IDS, type=IDS, message=TEXTS, part_index=st.none() | st.integers(0, 3)
)
MESSAGES = st.builds(
    content_pb2.ChatMessage,
    role=st.sampled_from(content_pb2.Role.values()),
    parts=st.lists(PARTS, max_size=2),
    id=IDS,
    metadata=maps(TEXTS, 1),
)
