"""The scripted producer goes on from what was said: from every prefix the same text."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamsvc.producers.base import Finished, Notes
from streamsvc.producers.scripted import Scripted
from streamsvc.v1 import state_pb2
from tests.support.events import Event, answer, kind, scripted
from tests.support.folding import folded, numbered
from tests.support.virtual_time import in_virtual_time, now


async def told(script: dict[str, object], so_far: state_pb2.JobState | None = None) -> list[Event]:
    """Return what a script says after `so_far`."""
    events: list[Event] = []
    async for item in Scripted().generate(scripted(**script), so_far, Notes()):
        if isinstance(item, Finished):
            return events
        events.append(item)
    raise AssertionError("the script ended without a reason")


def whole(events: list[Event]) -> state_pb2.JobState:
    return folded(numbered(*events))


def every_prefix_goes_on(script: dict[str, object]) -> None:
    """Check that from each prefix of what the script says the answer becomes the same."""

    @in_virtual_time
    async def run() -> None:
        events = await told(script)
        expected = whole(events)
        for said in range(len(events) + 1):
            prefix = events[:said]
            rest = await told(script, whole(prefix))
            state = whole([*prefix, *rest])
            assert answer(state) == answer(expected), f"after {said} events"
            assert state.usage == expected.usage
            assert all(part.index == place for place, part in enumerate(state.parts))
            assert not any(part.text.text and not part.completed for part in state.parts)

    run()


def test_a_plain_answer_goes_on_from_every_prefix() -> None:
    every_prefix_goes_on({"tokens": 30, "rate": 0})


def test_a_count_goes_on_from_every_prefix() -> None:
    every_prefix_goes_on({"tokens": 30, "rate": 0, "pattern": "count"})


def test_a_rich_answer_goes_on_from_every_prefix() -> None:
    every_prefix_goes_on({"tokens": 61, "rate": 0, "rich": True})


@given(st.integers(0, 40), st.integers(0, 5), st.booleans(), st.sampled_from(["count", "words"]))
@settings(max_examples=15)
def test_any_answer_goes_on_from_every_prefix(tokens: int, seed: int, rich: bool, pattern: str) -> None:
    every_prefix_goes_on({"tokens": tokens, "seed": seed, "rich": rich, "pattern": pattern, "rate": 0})


@in_virtual_time
async def test_rich_events_after_a_prefix_are_those_of_the_same_deltas() -> None:
    script: dict[str, object] = {"tokens": 100, "rate": 0, "rich": True}
    events = await told(script)
    rest = await told(script, whole(events[: len(events) // 2]))

    def extras(said: list[Event]) -> list[bytes]:
        telling = ("run_step_created", "custom", "metadata_updated", "usage_updated")
        return [event.SerializeToString() for event in said if kind(event) in telling]

    assert extras(rest)
    assert extras(rest) == extras(events)[-len(extras(rest)) :]


@in_virtual_time
async def test_it_goes_on_at_once_and_at_its_rate() -> None:
    script: dict[str, object] = {"tokens": 100, "rate": 10}
    events = await told(script)
    began = now()
    await told(script, whole(events[:51]))
    assert now() - began == pytest.approx(4.9)


@in_virtual_time
async def test_a_script_that_hangs_hangs_again_where_it_did() -> None:
    script: dict[str, object] = {"tokens": 10, "rate": 0, "hang_after": 5}
    so_far = whole(await told({"tokens": 5, "rate": 0}))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(told(script, so_far), 60)
