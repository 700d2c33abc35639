"""Many readers of one job: whenever they come, however they begin, however large it is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

import pytest

from streamsvc.client import Client, Cursor
from streamsvc.v1 import job_pb2
from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import all_of, stub_of
from tests.support.checker import comparable
from tests.support.events import answer, kinds, scripted
from tests.support.following import Follower, folded_items, obey, whole
from tests.support.producers import STOP, Told
from tests.support.service import app, client_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SNAPSHOT = pb.CATCH_UP_MODE_SNAPSHOT
SKIP = pb.CATCH_UP_MODE_SKIP


async def resumed(client: Client, job_id: str, name: str, leaving: Follower) -> Follower:
    """Let a reader leave, and another one go on with its cursor and what it saw."""
    before = await leaving.leave()
    return Follower(client, job_id, name, cursor=leaving.stream.cursor, before=before.items)


@pytest.mark.parametrize("seed", range(3))
async def test_readers_that_come_and_go_at_random_moments_see_the_same(seed: int) -> None:
    random = Random(seed)
    async with app() as (_, address), client_of(address) as client:
        request = scripted(tokens=400, rate=500, rich=True, pattern="count")
        job = await client.start_request(request)
        followers: list[Follower] = []
        for number in range(24):
            await asyncio.sleep(random.random() * 0.05)
            catch_up = random.choice([pb.CATCH_UP_MODE_REPLAY, SNAPSHOT])
            followers.append(Follower(client, job.id, f"r{number}", catch_up=catch_up))
            if random.random() < 0.5 and followers:
                place = random.randrange(len(followers))
                followers[place] = await resumed(client, job.id, f"r{number} again", followers[place])
        state = await obey(client, job.id, followers, snapshots=True, cause=f"seed {seed}")
        assert answer(state) == "".join(f"{number} " for number in range(400))


async def test_a_reader_that_skips_sees_only_what_comes_after() -> None:
    told = Told()
    async with app({"told": told}) as (_, address), client_of(address) as client:
        job = await client.start("why?")
        told.say_text("before ")
        await Follower(client, job.id, "first").until(lambda record: "text_delta" in kinds(record.events))
        skipping = Follower(client, job.id, "skipping", catch_up=SKIP)
        await eventually(lambda: skipping.stream.cursor.offset)
        told.say_text("after")
        told.say(STOP)
        record = await skipping.done()
        log = await whole(client, job.id)
        assert record.events == log[-len(record.events) :]
        assert kinds(record.events)[-1] == "job_completed"
        assert "before " not in str(record.events)


async def test_a_large_snapshot_fits_a_client_that_takes_four_mebibytes() -> None:
    told = Told()
    words = [f"{number:06d}" + "ü" * 100_000 for number in range(60)]
    async with app({"told": told}) as (_, address), client_of(address) as client, stub_of(address) as stub:
        job = await client.start("why?")
        told.say_text(*words)
        told.say(STOP)
        log = await whole(client, job.id)
        request = pb.StreamJobRequest(job_id=job.id, catch_up=SNAPSHOT)
        responses = await all_of(stub.StreamJob(request))
        assert max(response.ByteSize() for response in responses) < 2 * 1024 * 1024
        assert sum(response.ByteSize() for response in responses) > 10 * 1024 * 1024
        record = await Follower(client, job.id, "snapshot", catch_up=SNAPSHOT).done()
        assert comparable(folded_items(record.items)) == comparable(folded_items([*log]))
        assert answer(folded_items(record.items)) == "".join(words)


async def test_a_log_that_is_longer_than_the_window_and_trimmed_gives_a_snapshot_once() -> None:
    small = app(windows_bytes=1, max_log_bytes=100_000, flush_interval=timedelta())
    async with small as (_, address), client_of(address) as client:
        job = await client.start_request(scripted(tokens=20_000, rate=0, pattern="count"))
        live = [Follower(client, job.id, f"live {number}") for number in range(3)]
        records = [await follower.done() for follower in live]
        late = await Follower(client, job.id, "late").done()
        assert len(late.snapshots) == 1
        expected = "".join(f"{number} " for number in range(20_000))
        for record in [*records, late]:
            state = folded_items(record.items)
            assert (answer(state), state.job.status) == (expected, job_pb2.JOB_STATUS_COMPLETED)
        assert comparable(folded_items(late.items)) == comparable(await client.state(job.id))


async def test_a_log_that_is_longer_than_the_window_is_caught_up_with_event_by_event() -> None:
    async with app(windows_bytes=1, flush_interval=timedelta()) as (_, address), client_of(address) as client:
        job = await client.start_request(scripted(tokens=20_000, rate=0, pattern="count"))
        early = Follower(client, job.id, "early")
        await early.until(lambda record: len(record.items) > 3000)
        middle = await resumed(client, job.id, "resumed", Follower(client, job.id, "leaving"))
        followers = [early, middle, Follower(client, job.id, "late")]
        state = await obey(client, job.id, followers)
        assert state.offset == 20_000 + 5


async def test_an_answer_over_the_limit_keeps_what_fitted() -> None:
    async with app(max_answer_bytes=50_000) as (_, address), client_of(address) as client:
        job = await client.start_request(scripted(tokens=100_000, rate=20_000, pattern="count"))
        state = await obey(client, job.id, [Follower(client, job.id, "reader")])
        assert state.job.error.reason == "LIMIT_EXCEEDED"
        assert dict(state.job.error.metadata) == {"limit": "max_answer_bytes", "bytes": "50000"}
        words = answer(state)
        assert words.startswith("0 1 2 3 ")
        assert 1000 < len(words) <= 50_000


async def test_an_upstream_that_fails_after_some_words_keeps_them() -> None:
    async with app() as (_, address), client_of(address) as client:
        job = await client.start_request(scripted(tokens=100, rate=200, fail_after=25, pattern="count"))
        state = await obey(client, job.id, [Follower(client, job.id, "reader")])
        assert (state.job.status, state.job.error.reason) == (job_pb2.JOB_STATUS_FAILED, "UPSTREAM_UNAVAILABLE")
        assert answer(state) == "".join(f"{number} " for number in range(25))


async def test_an_upstream_that_fails_before_the_first_word_is_asked_again_and_then_fails_the_job() -> None:
    async with app() as (_, address), client_of(address) as client:
        job = await client.start_request(scripted(fail_after=0))
        state = await obey(client, job.id, [Follower(client, job.id, "reader")])
        assert (state.job.status, answer(state)) == (job_pb2.JOB_STATUS_FAILED, "")


async def test_a_cursor_and_its_state_go_on_in_another_client() -> None:
    async with app() as (_, address), client_of(address) as first:
        job = await first.start_request(scripted(tokens=300, rate=1000, pattern="count", rich=True))
        leaving = Follower(first, job.id, "first")
        await leaving.until(lambda record: len(record.items) > 100)
        before = await leaving.leave()
        cursor = leaving.stream.cursor
        assert cursor == Cursor(cursor.epoch, before.events[-1].offset)
        async with client_of(address) as second:
            following = Follower(second, job.id, "second", cursor=cursor, before=before.items)
            await obey(second, job.id, [following])


async def test_nothing_is_left_of_jobs_and_readers_that_have_ended() -> None:
    async with app(lease_ttl=timedelta(milliseconds=300)) as (running, address), client_of(address) as client:
        await Follower(client, (await client.start_request(scripted(tokens=1))).id, "first").task
        await eventually(lambda: len(running.jobs._tails) == 0)
        tasks = len(asyncio.all_tasks())
        jobs = [await client.start_request(scripted(tokens=50, rate=500)) for _ in range(10)]
        followers = [Follower(client, job.id, "reader") for job in jobs for _ in range(3)]
        for follower in followers[::3]:
            await follower.leave()
        for follower in followers:
            await asyncio.gather(follower.task, return_exceptions=True)
        await eventually(lambda: len(running.jobs._tails) == 0 and len(asyncio.all_tasks()) <= tasks)
        assert running.jobs.running == 0
