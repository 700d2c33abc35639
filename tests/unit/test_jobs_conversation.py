"""REJECT and REPLACE: a conversation never has two running jobs, wherever and whenever they are started."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest

from streamsvc.errors import ConversationBusy
from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.events import kinds
from tests.support.producers import STOP
from tests.support.rig import Rig, one_rig, rigs
from tests.support.virtual_time import in_virtual_time, settle

REJECT, REPLACE = pb.CONCURRENCY_POLICY_REJECT, pb.CONCURRENCY_POLICY_REPLACE
SHORT = pb.GenerationParameters(extra_json='{"tokens": 3, "rate": 50}')


async def begin(
    rig: Rig, conversation: str, policy: pb.ConcurrencyPolicy.ValueType, delay: float, request_id: str = ""
) -> job_pb2.Job | ConversationBusy:
    """Start a short job after `delay`, or return why it was refused."""
    await asyncio.sleep(delay)
    try:
        return await rig.start(
            producer="scripted",
            conversation_id=conversation,
            concurrency=policy,
            parameters=SHORT,
            request_id=request_id,
        )
    except ConversationBusy as busy:
        return busy


async def span(rig: Rig, job: job_pb2.Job) -> tuple[int, int] | None:
    """Return when a job began to run and when it ended, in milliseconds; None if it never ran."""
    events = await rig.events(job.id)
    started = [event for event in events if event.HasField("job_started")]
    return (started[0].create_time.ToMilliseconds(), events[-1].create_time.ToMilliseconds()) if started else None


def overlaps(spans: Sequence[tuple[int, int]]) -> bool:
    """Tell whether one began before another ended."""
    ordered = sorted(spans)
    return any(later[0] < earlier[1] for earlier, later in pairwise(ordered))


@in_virtual_time
async def test_two_replaces_and_two_rejects_at_the_same_moment_never_run_together() -> None:
    chance = Random(7)
    async with rigs(2) as instances:
        for number in range(200):
            policies = [REPLACE, REPLACE, REJECT, REJECT]
            chance.shuffle(policies)
            begun = await asyncio.gather(
                *(
                    begin(instances[i % 2], f"c{number}", policy, chance.choice([0, 0, 0.001, 0.03]))
                    for i, policy in enumerate(policies)
                )
            )
            jobs = [job for job in begun if isinstance(job, job_pb2.Job)]
            spans = await asyncio.gather(*(span(instances[0], job) for job in jobs))
            ran = [found for found in spans if found is not None]
            assert ran, f"round {number}: nobody ran"
            assert not overlaps(ran), f"round {number}: {ran}"


@in_virtual_time
async def test_reject_names_the_running_job() -> None:
    async with one_rig() as rig:
        running = await rig.start(conversation_id="c")
        with pytest.raises(ConversationBusy) as raised:
            await rig.start(conversation_id="c", concurrency=REJECT)
        assert raised.value.metadata["job_id"] == running.id
        other = await rig.start(conversation_id="another", concurrency=REJECT)
        assert other.id != running.id


@in_virtual_time
async def test_a_conversation_is_free_again_when_its_job_has_ended() -> None:
    async with one_rig() as rig:
        first = await rig.start(conversation_id="c", concurrency=REJECT)
        rig.told.say(STOP)
        await rig.read(first.id)
        second = await rig.start(conversation_id="c", concurrency=REJECT)
        rig.told.say(STOP)
        assert kinds((await rig.read(second.id)).events)[-1] == "job_completed"


@in_virtual_time
async def test_replace_begins_only_after_the_other_has_said_its_last_word() -> None:
    async with rigs(2) as (here, there):
        old = await here.start(conversation_id="c")
        here.told.say_text("half ")
        await here.reader(old.id).until(lambda seen: "text_delta" in kinds(seen.events))
        new = await there.start(conversation_id="c", concurrency=REPLACE)
        assert new.status == job_pb2.JOB_STATUS_PENDING
        there.told.say(STOP)
        await there.read(new.id)
        ended = (await here.read(old.id)).events[-1]
        assert ended.job_cancelled.reason == f"replaced by job {new.id}"
        spans = [await span(here, old), await span(here, new)]
        assert not overlaps([found for found in spans if found is not None])


@in_virtual_time
async def test_a_repeated_request_finds_its_job_under_every_policy() -> None:
    async with one_rig() as rig:
        for policy in (REJECT, REPLACE):
            first = await begin(rig, "c", policy, 0, request_id=f"r{policy}")
            again = await begin(rig, "c", policy, 0, request_id=f"r{policy}")
            assert isinstance(first, job_pb2.Job)
            assert isinstance(again, job_pb2.Job)
            assert first.id == again.id
            assert kinds((await rig.read(first.id)).events)[-1] == "job_completed"


@in_virtual_time
async def test_a_claim_whose_job_never_came_is_given_up_after_a_while() -> None:
    async with one_rig() as rig:
        await rig.shared.claim("anonymous", "c", "f" * 32, over="")
        job = await rig.start(conversation_id="c", concurrency=REJECT)
        rig.told.say(STOP)
        assert kinds((await rig.read(job.id)).events)[-1] == "job_completed"


@in_virtual_time
async def test_a_replace_that_was_replaced_before_it_looked_stops_nobody() -> None:
    async with rigs(2) as (here, there):
        here.faults.hold("list")
        late = asyncio.create_task(begin(here, "c", REPLACE, 0))
        await settle()
        newest = await begin(there, "c", REPLACE, 0)
        assert isinstance(newest, job_pb2.Job)
        here.faults.let_go("list")
        replaced = await late
        assert isinstance(replaced, job_pb2.Job)
        assert kinds((await there.read(newest.id)).events)[-1] == "job_completed"
        assert kinds((await here.read(replaced.id)).events) == ["job_created", "job_cancelled"]
