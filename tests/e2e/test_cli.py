"""The command line against a running service: the answer on standard output, and an exit code for each end."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from streamsvc.v1 import job_pb2, state_pb2
from tests.support.commands import STREAMSVC, Ran, run, start
from tests.support.events import scripted
from tests.support.following import Follower
from tests.support.service import Service, client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

COUNT = '{"tokens": 5, "pattern": "count", "rate": 0}'
NOBODY = "127.0.0.1:9"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address() -> AsyncIterator[str]:
    async with await Service.start() as service:
        yield service.address


async def streamsvc(address: str, *words: str) -> Ran:
    return await run(STREAMSVC, *words, environment={"STREAMSVC_TARGET": address})


async def started(address: str, **script: object) -> str:
    """Start a job. Returns its id."""
    async with client_of(address) as client:
        return (await client.start_request(scripted(pattern="count", rate=0, **script))).id


async def ended(address: str, **script: object) -> state_pb2.JobState:
    """Start a job and wait for its end. Returns its state."""
    job_id = await started(address, **script)
    async with client_of(address) as client:
        await Follower(client, job_id, "before").done()
        return await client.state(job_id)


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


async def test_start_prints_the_answer_and_ends_with_zero(address: str) -> None:
    ran = await streamsvc(address, "start", "why?", "--extra", COUNT)
    assert (ran.code, ran.out.strip()) == (0, "0 1 2 3 4")
    assert "job" in ran.err


async def test_a_detached_start_prints_the_job_for_others_to_follow(address: str) -> None:
    ran = await streamsvc(address, "start", "why?", "--extra", COUNT, "--detach")
    assert (ran.code, len(ran.out.strip())) == (0, 32)
    ran = await streamsvc(address, "follow", ran.out.strip())
    assert (ran.code, ran.out.strip()) == (0, "0 1 2 3 4")


async def test_follow_goes_on_after_an_offset(address: str) -> None:
    state = await ended(address, tokens=5)
    whole = lines((await streamsvc(address, "follow", state.job.id, "--json")).out)
    words = ("--after", "3", "--epoch", state.job.epoch, "--json")
    ran = await streamsvc(address, "follow", state.job.id, *words)
    assert ran.code == 0
    assert lines(ran.out) == whole[3:]
    assert [line["event"]["offset"] for line in whole] == list(range(1, len(whole) + 1))
    assert "jobCompleted" in whole[-1]["event"]


async def test_follow_of_an_offset_without_its_epoch_begins_with_a_snapshot(address: str) -> None:
    state = await ended(address, tokens=5)
    ran = await streamsvc(address, "follow", state.job.id, "--json", "--after", "3")
    (line,) = lines(ran.out)
    assert line["snapshot"]["parts"][0]["text"]["text"] == "0 1 2 3 4 "
    assert ran.code == 0


@pytest.mark.parametrize("words", [(), ("--snapshot",)], ids=" ".join)
async def test_a_failed_job_ends_with_four(address: str, words: tuple[str, ...]) -> None:
    job_id = await started(address, tokens=9, fail_after=3)
    ran = await streamsvc(address, "follow", job_id, *words)
    assert (ran.code, ran.out.strip()) == (4, "0 1 2")
    assert "UPSTREAM_UNAVAILABLE" in ran.err


async def test_a_cancelled_job_ends_with_five(address: str) -> None:
    job_id = await started(address, tokens=9, hang_after=3)
    following = await start(STREAMSVC, "follow", job_id, environment={"STREAMSVC_TARGET": address})
    await following.until("0 1 2 ")
    assert (await streamsvc(address, "cancel", job_id, "--reason", "enough")).code == 0
    ran = await following.ended()
    assert (ran.code, ran.out.strip()) == (5, "0 1 2")
    assert "enough" in ran.err


async def test_following_a_job_from_its_end_tells_how_it_ended(address: str) -> None:
    state = await ended(address, tokens=9, fail_after=3)
    words = ("--after", str(state.offset), "--epoch", state.job.epoch)
    ran = await streamsvc(address, "follow", state.job.id, *words)
    assert (ran.code, ran.out) == (4, "")


async def test_state_prints_what_was_said(address: str) -> None:
    state = await ended(address, tokens=5)
    ran = await streamsvc(address, "state", state.job.id)
    assert (ran.code, ran.out.strip()) == (0, "0 1 2 3 4")
    as_json = json.loads((await streamsvc(address, "state", state.job.id, "--json")).out)
    assert as_json["job"]["id"] == state.job.id
    assert as_json["job"]["status"] == "JOB_STATUS_COMPLETED"


async def test_health_ends_with_zero_or_one(address: str) -> None:
    healthy = await streamsvc(address, "health")
    assert (healthy.code, "SERVING" in healthy.out) == (0, True)
    assert (await streamsvc(NOBODY, "health")).code == 1


async def test_ctrl_c_stops_following_and_the_job_goes_on(address: str) -> None:
    extra = '{"tokens": 9, "pattern": "count", "rate": 0, "hang_after": 3}'
    starting = await start(STREAMSVC, "start", "why?", "--extra", extra, environment={"STREAMSVC_TARGET": address})
    await starting.until("0 1 2 ")
    starting.interrupt()
    ran = await starting.ended()
    assert ran.code == 130
    assert "Traceback" not in ran.err
    job_id = next(word for word in ran.err.split() if len(word) == 32 and word.isalnum())
    async with client_of(address) as client:
        assert (await client.state(job_id)).job.status == job_pb2.JOB_STATUS_RUNNING


FAILING = [("state", "0" * 32), ("cancel", "nonsense"), ("follow", "0" * 32), ("start", "why?", "--producer", "nobody")]


@pytest.mark.parametrize("words", FAILING, ids=" ".join)
async def test_a_call_that_fails_ends_with_one_and_one_sentence(address: str, words: tuple[str, ...]) -> None:
    ran = await streamsvc(address, *words)
    assert (ran.code, ran.out) == (1, "")
    assert ran.sentence.startswith("streamsvc: ")


async def test_a_service_that_is_not_there_is_one_sentence() -> None:
    ran = await streamsvc(NOBODY, "state", "0" * 32)
    assert ran.code == 1
    assert NOBODY in ran.sentence


@pytest.mark.parametrize("words", [("nonsense",), ("follow", "0" * 32, "--nonsense")], ids=" ".join)
async def test_what_is_not_understood_ends_with_two(words: tuple[str, ...]) -> None:
    assert (await streamsvc(NOBODY, *words)).code == 2


async def test_python_dash_m_is_the_same_command(address: str) -> None:
    ran = await run(
        sys.executable, "-m", "streamsvc", "start", "why?", "--extra", COUNT, environment={"STREAMSVC_TARGET": address}
    )
    assert (ran.code, ran.out.strip()) == (0, "0 1 2 3 4")
