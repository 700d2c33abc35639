"""What endpoints add to the chunks of a chat completion: sources, reasoning to be sent back, fields of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamsvc.producers.answer import LONGEST_NAME, Answer
from streamsvc.producers.fields import count_of, object_of, text_of
from streamsvc.producers.kept import compact
from streamsvc.producers.openai_chat.messages import FAMILY
from streamsvc.producers.parts import custom
from streamsvc.v1 import content_pb2, event_pb2

CHUNK = frozenset(
    {
        *("id", "object", "created", "model", "choices", "usage", "error"),
        *("system_fingerprint", "service_tier", "obfuscation"),
    }
)
CHOICE = frozenset({"index", "delta", "finish_reason"})
DELTA = frozenset(
    {
        *("role", "content", "refusal", "reasoning_content", "reasoning", "reasoning_details"),
        *("annotations", "tool_calls", "function_call"),
    }
)
"""What is read of a chunk, a choice and a delta, or says nothing to a reader."""

_GROWS = ("text", "summary", "data")


class Extras:
    """Says fields that are not known as custom events, each when its value is another than before.

    They wait for the answer's first word: a generation of which nothing was said may be asked for again.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._said: dict[str, object] = {}
        self._waiting: list[event_pb2.Event] = []

    def read(self, fields: Mapping[str, Any], known: frozenset[str]) -> None:
        """Read what is not `known` in a chunk, a choice or a delta."""
        for name, value in fields.items():
            if name in known or value in (None, "", [], {}) or self._said.get(name) == value:
                continue
            self._said[name] = value
            name = name[:LONGEST_NAME]
            self._waiting.append(custom(f"{FAMILY}.{name}", compact(value), key=name))

    def pass_on(self, *, ended: bool = False) -> None:
        """Say what has waited, if there was a word by now or there will be none."""
        if self._waiting and (ended or self._answer.begun):
            waiting, self._waiting = self._waiting, []
            self._answer.say(*waiting)

    def say(self, given: Mapping[str, Any]) -> None:
        """Say a block or an annotation whose type is not known."""
        kind = text_of(given.get("type"))[:LONGEST_NAME]
        self._answer.say(custom(f"{FAMILY}.{kind}", compact(given)))


def citation_of(annotation: Mapping[str, Any]) -> content_pb2.Citation | None:
    """Return the citation of an annotation; None for one of another kind. Raises ValueError if it is malformed."""
    if annotation.get("type") != "url_citation":
        return None
    given = object_of(annotation.get("url_citation"))
    url = text_of(given.get("url"))
    return content_pb2.Citation(
        start_index=count_of(given.get("start_index")),
        end_index=count_of(given.get("end_index")),
        source_id=url,
        title=text_of(given.get("title")),
        snippet=text_of(given.get("content")),
        url=url,
    )


def join_details(details: list[dict[str, Any]], further: list[dict[str, Any]]) -> None:
    """Add further pieces of a model's reasoning, as OpenRouter sends it to be sent back, to those of the same place."""
    for piece in further:
        if not (details and _place(details[-1]) == _place(piece)):
            details.append(dict(piece))
            continue
        last = details[-1]
        for name, value in piece.items():
            grows = name in _GROWS and isinstance(last.get(name), str) and isinstance(value, str)
            if value is not None:
                last[name] = last[name] + value if grows else value


def _place(piece: Mapping[str, Any]) -> tuple[object, object]:
    return piece.get("type"), piece.get("index")
