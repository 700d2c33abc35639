"""A run that goes on at the upstream: whoever takes the job over goes on exactly where the log ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from streamsvc.producers.base import Finished, Notes
from streamsvc.producers.openai_responses.producer import OpenAIResponses
from streamsvc.v1 import event_pb2, job_service_pb2, state_pb2
from tests.support.chats import ask, failed, generate, line_of, said
from tests.support.families import call_item, named, openai_responses, response, search_item, text_item, unknown
from tests.support.folding import folded, numbered
from tests.support.service import app, client_of
from tests.support.told_streams import service
from tests.support.upstream import Upstream, abort, close, hang, reply

BACKGROUND = ask(parameters=job_service_pb2.GenerationParameters(extra_json='{"background": true}'))
RUN = response(
    text_item(0, "Let", " me", " look."),
    search_item(1),
    unknown(),
    text_item(2, "High", " at nine"),
    unknown(),
    text_item(3, ", they say."),
    call_item(4, "note", '{"text":', '"nine"}'),
    call_item(5, "note", "{}"),
)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def producer(upstream: Upstream) -> AsyncIterator[OpenAIResponses]:
    # An address of the public network would do the same: what goes on here is the upstream's own run.
    made = openai_responses("told", upstream.base_url, continue_mode="none", max_retries=1)
    yield made
    await made.close()


async def taken(producer: OpenAIResponses, most: int, *, so_far: Any = None, notes: Notes | None = None) -> list[Any]:
    """Return the first `most` items of an attempt that is lost after them."""
    items: list[Any] = []
    async with aclosing(generate(producer, BACKGROUND, so_far, notes)) as generation:
        async for item in generation:
            items.append(item)
            if len(items) == most:
                break
    return items


def after(number: int) -> list[dict[str, Any]]:
    """Return the run's events behind the one with this number."""
    return [event for event in RUN if event["sequence_number"] > number]


def state_of(items: Sequence[event_pb2.Event | Finished]) -> state_pb2.JobState:
    """Return what a log of these items says."""
    return folded(numbered(*(item for item in items if isinstance(item, event_pb2.Event))))


async def test_only_what_runs_in_the_background_can_be_continued(producer: OpenAIResponses) -> None:
    assert producer.continues(BACKGROUND)
    prompted = job_service_pb2.StartGenerationRequest(prompt="hi", parameters=BACKGROUND.parameters)
    assert producer.continues(prompted)
    assert not producer.continues(ask())


async def test_a_takeover_at_every_event_loses_nothing_and_says_nothing_twice(
    upstream: Upstream, producer: OpenAIResponses
) -> None:
    upstream.expect(named(*RUN))
    whole = await taken(producer, 1000)
    assert line_of(whole[-1]) == "finished TOOL_CALLS completed"
    for cut in range(1, len(whole)):
        notes = Notes()
        upstream.expect(named(*RUN))
        before = await taken(producer, cut, notes=notes)
        follow = _Follow(upstream, notes.value)
        rest = await taken(producer, 1000, so_far=state_of(before), notes=Notes(notes.value))
        assert list(map(line_of, before + rest)) == list(map(line_of, whole)), f"cut after {cut}"
        assert state_of(before + rest) == state_of(whole)
        assert follow.exchange.path == f"/v1/responses/resp_1?starting_after={follow.after}&stream=true"


async def test_a_delta_that_was_merged_with_others_is_cut_where_the_log_ends(
    upstream: Upstream, producer: OpenAIResponses
) -> None:
    notes = Notes()
    upstream.expect(named(*RUN))
    state = state_of(await taken(producer, 5, notes=notes))
    state.parts[0].text.text = "Let me lo"
    _Follow(upstream, notes.value)
    rest = await taken(producer, 2, so_far=state, notes=Notes(notes.value))
    assert list(map(line_of, rest)) == ["0 + ok.", "0 completed"]


@pytest.mark.parametrize("ending", [close, abort])
async def test_a_connection_that_breaks_is_taken_up_again(
    upstream: Upstream, producer: OpenAIResponses, ending: Any
) -> None:
    upstream.expect(named(*RUN))
    whole = await said(generate(producer, BACKGROUND))
    upstream.expect(named(*RUN[:7]), ending())
    again = upstream.expect(named(*after(6)[:4]), ending())
    upstream.expect(named(*after(10)))
    assert await said(generate(producer, BACKGROUND)) == whole
    assert again.path == "/v1/responses/resp_1?starting_after=6&stream=true"


async def test_a_run_that_cannot_be_reached_again_fails(upstream: Upstream, producer: OpenAIResponses) -> None:
    upstream.expect(named(*RUN[:5]), close())
    upstream.expect(reply(404, {"error": {"message": "gone", "code": "not_found"}}))
    lines, error = await failed(generate(producer, BACKGROUND))
    assert lines[-1] == "0 + Let"
    assert error.reason == "UPSTREAM_REJECTED"


async def test_a_run_that_failed_is_not_taken_up_again(upstream: Upstream, producer: OpenAIResponses) -> None:
    run = response(text_item(0, "Let"), status="failed")
    upstream.expect(named(*run))
    _, error = await failed(generate(producer, BACKGROUND))
    assert error.reason == "UPSTREAM_UNAVAILABLE"
    assert len(upstream.exchanges) == 1


async def test_what_no_attempt_has_begun_is_begun(upstream: Upstream, producer: OpenAIResponses) -> None:
    exchange = upstream.expect(named(*RUN))
    items = await taken(producer, 1000, so_far=state_pb2.JobState())
    assert line_of(items[-1]) == "finished TOOL_CALLS completed"
    assert exchange.body["background"] is True


async def test_an_endpoint_that_names_no_run_is_handed_its_answer(upstream: Upstream) -> None:
    nameless = [
        {**event, "response": {**event["response"], "id": ""}} if "response" in event else event
        for event in response(text_item(0, "High", " at", " nine."))
    ]
    producer, notes = openai_responses("told", upstream.base_url), Notes()
    upstream.expect(named(*nameless))
    before = await taken(producer, 5, notes=notes)
    assert [line_of(item) for item in before][-2:] == ["0 + High", "0 +  at"]
    exchange = upstream.expect(named(*response(text_item(0, " at", " nine."))))
    rest = await taken(producer, 1000, so_far=state_of(before), notes=notes)
    assert [line_of(item) for item in rest if not line_of(item).startswith("custom")][:1] == ["0 +  nine."]
    assert exchange.body["input"][-1]["content"][0]["text"] == "High"
    await producer.close()


async def test_a_cancelled_job_ends_the_run_too() -> None:
    async with service("openai_responses") as (upstream, client):
        begun = upstream.expect(named(*RUN[:5]), hang())
        job = await client.start_request(BACKGROUND)
        async for item in client.stream(job.id):
            if isinstance(item, event_pb2.Event) and item.HasField("text_delta"):
                break
        ending = upstream.expect(reply(200, {"id": "resp_1", "object": "response", "status": "cancelled"}))
        await client.cancel(job.id)
        await begun.hung_up()
        await ending.arrived()
        assert ending.path == "/v1/responses/resp_1/cancel"


@pytest.mark.parametrize(("outlived", "ended"), [(True, False), (False, True)])
async def test_a_run_ends_with_its_job_unless_another_instance_goes_on(
    upstream: Upstream, producer: OpenAIResponses, outlived: bool, ended: bool
) -> None:
    begun = upstream.expect(named(*RUN[:5]), hang())
    ending = upstream.expect(reply(200, {"id": "resp_1", "object": "response", "status": "cancelled"}))
    async with (
        app({"told": producer}, outlived=outlived, lease_ttl=timedelta(minutes=1)) as (_, address),
        client_of(address) as client,
    ):
        job = await client.start_request(BACKGROUND)
        async for item in client.stream(job.id):
            if isinstance(item, event_pb2.Event) and item.HasField("text_delta"):
                break
    await begun.hung_up()
    assert bool(ending.path) == ended


class _Follow:
    """Expects that a run is followed from where a note says, and tells the rest of it."""

    def __init__(self, upstream: Upstream, note: bytes) -> None:
        self.after = json.loads(note)["after"]
        self.exchange = upstream.expect(named(*after(self.after)))
