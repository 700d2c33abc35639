"""The scripted producer, as its table says: every key, its default and its bounds."""

from __future__ import annotations

import asyncio

import pytest

from streamsvc.errors import FieldInvalid
from streamsvc.producers.base import Finished, Notes, UpstreamError
from streamsvc.producers.scripted import Scripted
from streamsvc.v1 import content_pb2, job_pb2
from tests.support.events import Event, kind, kinds, scripted, text_of
from tests.support.folding import folded, numbered
from tests.support.virtual_time import in_virtual_time, now


class Told:
    """What a script says, each event with the time at which it was said."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.times: list[float] = []
        self.finished: Finished | None = None

    @property
    def delta_times(self) -> list[float]:
        return [time for time, event in zip(self.times, self.events, strict=True) if kind(event) == "text_delta"]


async def told(*, max_tokens: int = 0, most: int = 10**9, **script: object) -> Told:
    """Run a script, to its end or for so many items."""
    asked = scripted(**script)
    if max_tokens:
        asked.parameters.max_tokens = max_tokens
    telling, began = Told(), now()
    async for item in Scripted().generate(asked, None, Notes()):
        if isinstance(item, Finished):
            telling.finished = item
            break
        telling.events.append(item)
        telling.times.append(now() - began)
        if len(telling.events) == most:
            break
    return telling


@in_virtual_time
async def test_by_default_it_says_a_hundred_words_twenty_a_second() -> None:
    telling = await told()
    assert len(telling.delta_times) == 100
    assert telling.delta_times == pytest.approx([number / 20 for number in range(100)])
    assert telling.finished == Finished(job_pb2.FINISH_REASON_STOP)


@in_virtual_time
async def test_counting_says_each_number_and_a_space() -> None:
    telling = await told(tokens=5, pattern="count", rate=0)
    assert text_of(telling.events) == "0 1 2 3 4 "
    assert kinds(telling.events) == ["part_started", *["text_delta"] * 5, "part_completed"]


@in_virtual_time
async def test_words_depend_on_the_seed_and_on_nothing_else() -> None:
    first, again, other = [await told(tokens=50, rate=rate, seed=seed) for rate, seed in ((0, 1), (50, 1), (0, 2))]
    assert text_of(first.events) == text_of(again.events)
    assert text_of(first.events) != text_of(other.events)
    assert text_of(first.events).count(" ") == 50


@in_virtual_time
async def test_no_tokens_are_an_empty_answer() -> None:
    telling = await told(tokens=0)
    assert telling.events == []
    assert telling.finished == Finished(job_pb2.FINISH_REASON_STOP)


@in_virtual_time
async def test_rate_zero_is_as_fast_as_it_goes() -> None:
    assert set((await told(tokens=1000, rate=0)).times) == {0.0}


@pytest.mark.parametrize("rate", [100, 150, 1000, 20_000])
def test_rates_above_a_hundred_a_second_are_kept(rate: int) -> None:
    @in_virtual_time
    async def run() -> None:
        times = (await told(tokens=4 * rate, rate=rate)).delta_times
        assert times[-1] == pytest.approx(4.0, abs=0.02)
        late = [time - number / rate for number, time in enumerate(times)]
        assert min(late) >= -1e-6
        assert max(late) <= 0.011

    run()


@in_virtual_time
async def test_slow_rates_are_kept() -> None:
    assert (await told(tokens=4, rate=0.5)).delta_times == pytest.approx([0, 2, 4, 6])


@in_virtual_time
async def test_it_fails_after_so_many_deltas() -> None:
    assert text_of((await told(tokens=10, fail_after=3, rate=0, most=4)).events).count(" ") == 3
    with pytest.raises(UpstreamError) as failed:
        await told(tokens=10, fail_after=3, rate=0)
    assert failed.value.reason == "UPSTREAM_UNAVAILABLE"
    assert failed.value.retryable


@in_virtual_time
async def test_it_fails_after_the_last_delta_too_and_never_after_more_than_there_are() -> None:
    with pytest.raises(UpstreamError):
        await told(tokens=3, fail_after=3, rate=0)
    assert (await told(tokens=3, fail_after=4, rate=0)).finished is not None


@pytest.mark.parametrize("deltas", [0, 2, 3])
def test_it_says_nothing_more_after_so_many_deltas(deltas: int) -> None:
    @in_virtual_time
    async def run() -> None:
        if deltas:
            telling = await told(tokens=3, hang_after=deltas, rate=0, most=1 + deltas)
            assert text_of(telling.events).count(" ") == deltas
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(told(tokens=3, hang_after=deltas, rate=0), 3600)

    run()


@in_virtual_time
async def test_a_token_limit_cuts_the_answer() -> None:
    telling = await told(tokens=10, max_tokens=4, rate=0, pattern="count")
    assert text_of(telling.events) == "0 1 2 3 "
    assert telling.finished == Finished(job_pb2.FINISH_REASON_LENGTH)
    assert (await told(tokens=4, max_tokens=4, rate=0)).finished == Finished(job_pb2.FINISH_REASON_STOP)


@in_virtual_time
async def test_rich_says_every_kind_of_thing_in_turn_every_ten_deltas() -> None:
    telling = await told(tokens=50, rich=True, rate=0, pattern="count")
    others: dict[int, list[str]] = {}
    said = 0
    for event in telling.events:
        said += kind(event) == "text_delta"
        if kind(event) not in ("text_delta", "part_started", "part_completed"):
            others.setdefault(said, []).append(kind(event))
    assert others == {
        1: ["metadata_updated"],
        10: ["reasoning_delta", "reasoning_delta"],
        20: ["tool_call_delta"] * 3 + ["tool_call_updated"] * 2,
        30: ["citation_added"],
        40: ["run_step_created", "run_step_updated", "run_step_completed"],
        50: ["custom", "usage_updated"],
    }


@in_virtual_time
async def test_rich_folds_to_whole_parts_steps_a_title_and_usage() -> None:
    telling = await told(tokens=100, rich=True, rate=0, pattern="count")
    state = folded(numbered(*telling.events))
    assert dict(state.job.metadata) == {"title": "A scripted answer"}
    assert [part.WhichOneof("kind") for part in state.parts] == [
        *("text", "reasoning", "text", "tool_call", "text", "reasoning", "text", "tool_call", "text"),
    ]
    assert all(part.completed for part in state.parts)
    call = state.parts[3].tool_call
    assert (call.arguments_json, call.status) == ('{"turn": 2}', content_pb2.TOOL_CALL_STATUS_SUCCEEDED)
    assert [result.json for result in call.results] == ['{"turn": 2, "found": []}']
    assert [step.status for step in state.steps] == [content_pb2.RUN_STEP_STATUS_SUCCEEDED] * 2
    assert [(custom.name, custom.json) for custom in state.custom] == [("streamsvc.progress", '{"turn": 10}')]
    assert state.usage.output_tokens == 100
    citation = state.parts[4].text.citations[0]
    cited = "".join(f"{number} " for number in range(20, 30))
    assert citation.end_index == len(cited)


@in_virtual_time
async def test_the_order_of_rich_events_does_not_depend_on_the_rate() -> None:
    slow, fast = [await told(tokens=120, rich=True, rate=rate) for rate in (20, 0)]
    assert slow.events == fast.events


@pytest.mark.parametrize(
    ("extra", "key"),
    [
        ('{"tokens": -1}', "tokens"),
        ('{"tokens": 1000001}', "tokens"),
        ('{"tokens": 1.5}', "tokens"),
        ('{"rate": -1}', "rate"),
        ('{"rate": 1000001}', "rate"),
        ('{"rate": NaN}', "rate"),
        ('{"pattern": "poems"}', "pattern"),
        ('{"seed": "x"}', "seed"),
        ('{"fail_after": -1}', "fail_after"),
        ('{"hang_after": "soon"}', "hang_after"),
        ('{"rich": "perhaps"}', "rich"),
        ('{"tokns": 5}', "tokns"),
        ("[]", "it"),
        ("{", "it"),
    ],
)
def test_a_script_that_it_does_not_know_is_refused_by_its_key(extra: str, key: str) -> None:
    asked = scripted()
    asked.parameters.extra_json = extra
    with pytest.raises(FieldInvalid) as refused:
        Scripted().check(asked)
    (violation,) = refused.value.violations
    assert violation.field == "parameters.extra_json"
    assert violation.description.startswith(f"{key}: ")
    assert "hang_after" in violation.description
