"""A real model goes on with an answer that was cut anywhere: at temperature 0 the text is what it would have been."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from streamsvc.producers.base import Finished, Notes
from streamsvc.producers.openai_chat.producer import OpenAIChat
from streamsvc.v1 import event_pb2, job_service_pb2
from tests.support.chats import Item, ask, chunk, generate, openai_chat, so_far, user
from tests.support.events import answer
from tests.support.folding import folded, numbered
from tests.support.model import MODEL

pytestmark = pytest.mark.model


@pytest.fixture
async def producer(model_url: str) -> AsyncIterator[OpenAIChat]:
    made = openai_chat("local", model_url, default_model=MODEL)
    yield made
    await made.close()


def question(
    words: str, limit: int, *, temperature: float = 0, seed: int = 0
) -> job_service_pb2.StartGenerationRequest:
    sampling = job_service_pb2.GenerationParameters(temperature=temperature, max_tokens=limit)
    sampling.extra_json = f'{{"seed": {seed}}}'
    return ask(user(words), model=MODEL, parameters=sampling)


def events_of(items: Sequence[Item]) -> list[event_pb2.Event]:
    return [item for item in items if not isinstance(item, Finished)]


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("Write a short list of three fruits.", 40),
        ("Count from 1 to 10, with commas.", 16),
        ("Write a Python function that adds two numbers.", 24),
        ("Write three emoji of animals.", 28),
    ],
)
async def test_a_cut_after_any_chunk_leaves_no_seam(producer: OpenAIChat, words: str, limit: int) -> None:
    request, notes = question(words, limit), Notes()
    # Each item with the note that is kept beside it: it is there when the next one is waited for.
    uncut = [(item, notes.value) async for item in generate(producer, request, None, notes)]
    events = events_of([item for item, _ in uncut])
    whole = answer(folded(numbered(*events)))
    deltas = [place for place, event in enumerate(events, 1) if event.HasField("text_delta")]
    assert len(deltas) > 6
    for place in deltas:
        state, note = folded(numbered(*events[:place])), Notes(uncut[place][1])
        rest = [item async for item in generate(producer, request, state, note)]
        assert answer(folded(numbered(*events[:place], *events_of(rest)))) == whole, f"after {place} events"
        assert not any(event.HasField("part_started") for event in events_of(rest))
        assert rest[-1] == uncut[-1][0]


async def test_a_cut_in_the_middle_of_a_word_leaves_no_seam(producer: OpenAIChat) -> None:
    request = question("Write a short list of three fruits.", 8)
    whole = answer(folded(numbered(*events_of([item async for item in generate(producer, request)]))))
    assert len(whole) > 12
    for length in range(1, len(whole)):
        # Without a note of what was said the limit is that of a first attempt: the answer becomes longer.
        text = await read_on(producer, request, whole[:length])
        assert text.startswith(whole), f"after {length} characters"


async def test_a_model_that_says_something_else_leaves_no_seam_either(producer: OpenAIChat) -> None:
    begun = "The river rises in the hills, and then it flows "
    for length in (20, 25, 30, 35, len(begun)):
        request = question("Write one sentence about a river.", 6, temperature=1.5, seed=length)
        text = await read_on(producer, request, begun[:length])
        assert not text[length - 1 : length + 1].isspace()
        assert text.count("The river rises") == 1


async def read_on(producer: OpenAIChat, request: job_service_pb2.StartGenerationRequest, begun: str) -> str:
    """Return the text of an answer of which an earlier attempt said `begun`."""
    rest = [item async for item in generate(producer, request, so_far(chunk(content=begun)))]
    return begun + "".join(event.text_delta.text for event in events_of(rest))
