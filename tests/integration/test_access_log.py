"""The service's own log: a line a call, and nothing of what was said."""

from __future__ import annotations

import asyncio
import logging

import pytest

from streamsvc.v1 import job_service_pb2 as pb
from tests.support.calls import all_of, refused, stub_of
from tests.support.producers import SECRET, STOP, Told
from tests.support.service import app
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "streamsvc.access"]


async def test_every_call_has_a_line_that_holds_nothing_of_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    told.say_text(SECRET, " and more")
    told.say(STOP)
    with caplog.at_level(logging.DEBUG):
        async with app({"told": told}) as (_, address), stub_of(address) as stub:
            request = pb.StartGenerationRequest(
                prompt=SECRET, labels={"k": SECRET}, conversation_id=SECRET, request_id=SECRET
            )
            job = (await stub.StartGeneration(request)).job
            await all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job.id)))
            await stub.GetJobState(pb.GetJobStateRequest(job_id=job.id))
            await stub.CancelJob(pb.CancelJobRequest(job_id=job.id, reason=SECRET))
            await refused(stub.StartGeneration(pb.StartGenerationRequest(prompt=SECRET, producer=SECRET)))
    told_of = [dict(part.partition("=")[::2] for part in line.split(" ")) for line in lines(caplog)]
    assert [(line["rpc"], line["code"]) for line in told_of] == [
        ("StartGeneration", "OK"),
        ("StreamJob", "OK"),
        ("GetJobState", "OK"),
        ("CancelJob", "OK"),
        ("StartGeneration", "INVALID_ARGUMENT"),
    ]
    assert told_of[1]["job_id"] == told_of[2]["job_id"] == job.id
    assert int(told_of[1]["messages"]) >= 1
    assert int(told_of[1]["bytes"]) > 100
    assert told_of[4]["reason"] == "PRODUCER_UNKNOWN"
    assert SECRET not in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("job_id", [SECRET, "x\nstreamsvc.access rpc=DeleteJob code=OK"])
async def test_what_is_no_job_id_is_not_logged(job_id: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with app() as (_, address), stub_of(address) as stub:
            await refused(stub.GetJobState(pb.GetJobStateRequest(job_id=job_id)))
            await refused(all_of(stub.StreamJob(pb.StreamJobRequest(job_id=job_id))))
    assert len(lines(caplog)) == 2
    assert all("job_id" not in line and "\n" not in line for line in lines(caplog))
    assert job_id not in caplog.text


async def test_a_reader_that_leaves_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    with caplog.at_level(logging.DEBUG):
        async with app({"told": told}) as (_, address), stub_of(address) as stub:
            job = (await stub.StartGeneration(pb.StartGenerationRequest(prompt="why?"))).job
            for _ in range(20):
                call = stub.StreamJob(pb.StreamJobRequest(job_id=job.id))
                await call.read()
                told.say_text("x" * 10_000)
                call.cancel()
                await asyncio.sleep(0)
            await eventually(lambda: len(lines(caplog)) == 21)
    assert {line.split(" ")[1] for line in lines(caplog)[1:]} == {"code=CANCELLED"}
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
