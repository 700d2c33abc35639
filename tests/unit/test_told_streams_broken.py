"""Streams in which any value may be any other: an answer is read or refused, and nothing else happens."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from streamsvc.producers.answer import Answer
from streamsvc.producers.anthropic.events import Events as AnthropicEvents
from streamsvc.producers.base import Notes
from streamsvc.producers.failures import Reported
from streamsvc.producers.kept import Kept
from streamsvc.producers.openai_chat.chunks import Chunks
from streamsvc.producers.openai_responses.events import Events as ResponsesEvents
from streamsvc.producers.openai_responses.run import Run
from streamsvc.producers.upstream import Reader
from tests.support.folding import folded, numbered
from tests.support.told_streams import cases, read

JUNK: tuple[Any, ...] = (
    None,
    True,
    7,
    -1,
    0.5,
    10**30,
    "",
    "x",
    "\ud800",
    [],
    [7],
    ["x"],
    [[]],
    {},
    {"type": 7},
    {"a": {}},
)
ROUNDS = 25
READERS: dict[str, Callable[[Answer, Notes], Reader]] = {
    "anthropic": AnthropicEvents,
    "openai_chat": Chunks,
    "openai_responses": lambda answer, notes: ResponsesEvents(answer, notes, Run()),
}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container inside `value` with each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from places(item)


def broken(stream: list[Any], random: Random) -> list[Any]:
    """Return a stream with one to three values replaced, or left out."""
    stream = copy.deepcopy([event for event in stream if isinstance(event, dict)])
    for _ in range(random.randint(1, 3)):
        container, key = random.choice(list(places(stream)))
        if isinstance(container, dict) and random.random() < 0.3:
            del container[key]
        else:
            container[key] = copy.deepcopy(random.choice(JUNK))
    return [event for event in stream if isinstance(event, dict)]


@pytest.mark.parametrize("path", list(cases()), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_broken_stream_is_read_or_refused(path: Path) -> None:
    random, family = Random(path.stem), path.parent.name
    for _ in range(ROUNDS):
        stream = broken(read(path)["stream"], random)
        reader = READERS[family](Answer("m", Kept(family)), Notes())
        events: list[Any] = []
        try:
            for event in stream:
                reader.read(json.loads(json.dumps(event)))
                events += reader.answer.take()
                reader.taken()
            events += reader.end()[:-1]
        except (ValueError, Reported):
            continue
        assert folded(numbered(*events)).SerializeToString()
