"""The service from the shell, with nothing but grpcurl: found by reflection, started, followed, asked and stopped."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from tests.support.commands import GRPCURL, Ran, run
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVICE = "streamsvc.v1.JobService"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address() -> AsyncIterator[str]:
    async with await Service.start() as service:
        yield service.address


async def grpcurl(address: str, *words: str, data: Mapping[str, Any] | None = None) -> Ran:
    given = ["-d", json.dumps(data)] if data is not None else []
    return await run(GRPCURL, "-plaintext", *given, address, *words)


async def call(address: str, method: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Call a method, and return its answer."""
    ran = await grpcurl(address, f"{SERVICE}/{method}", data=data)
    assert ran.code == 0, ran.err
    answer: dict[str, Any] = json.loads(ran.out)
    return answer


def messages(out: str) -> list[dict[str, Any]]:
    """Return the JSON objects that a stream was printed as."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while place < len(out.rstrip()):
        message, end = decoder.raw_decode(out, place)
        found.append(message)
        place = end + len(out[end:]) - len(out[end:].lstrip())
    return found


async def test_the_services_are_found_and_described(address: str) -> None:
    listed = await grpcurl(address, "list")
    assert {SERVICE, "grpc.health.v1.Health"} <= set(listed.out.split())
    described = await grpcurl(address, "describe", SERVICE)
    assert "rpc StreamJob" in described.out
    message = await grpcurl(address, "describe", "streamsvc.v1.StartGenerationRequest")
    assert "string prompt" in message.out


async def test_a_job_is_started_followed_and_asked_for(address: str) -> None:
    data = {"prompt": "why?", "parameters": {"extraJson": '{"tokens": 5, "pattern": "count", "rate": 0}'}}
    job_id = (await call(address, "StartGeneration", data))["job"]["id"]
    streamed = await grpcurl(address, f"{SERVICE}/StreamJob", data={"jobId": job_id})
    assert streamed.code == 0
    events = [event for message in messages(streamed.out) for event in message.get("events", [])]
    assert [event["offset"] for event in events] == list(range(1, len(events) + 1))
    assert "".join(event.get("text_delta", {}).get("text", "") for event in events) == "0 1 2 3 4 "
    assert "job_completed" in events[-1]
    state = (await call(address, "GetJobState", {"jobId": job_id}))["state"]
    assert state["parts"][0]["text"]["text"] == "0 1 2 3 4 "
    assert state["job"]["status"] == "JOB_STATUS_COMPLETED"


async def test_a_job_is_cancelled(address: str) -> None:
    data = {"prompt": "why?", "parameters": {"extraJson": '{"hang_after": 3}'}}
    job_id = (await call(address, "StartGeneration", data))["job"]["id"]
    await call(address, "CancelJob", {"jobId": job_id, "reason": "enough"})
    streamed = await grpcurl(address, f"{SERVICE}/StreamJob", data={"jobId": job_id})
    events = [event for message in messages(streamed.out) for event in message.get("events", [])]
    assert events[-1]["job_cancelled"] == {"reason": "enough"}


async def test_a_bad_call_shows_the_field_and_the_rule(address: str) -> None:
    ran = await grpcurl(address, f"{SERVICE}/StartGeneration", data={"model": "m" * 300})
    assert ran.code != 0
    assert "InvalidArgument" in ran.err
    assert "FIELD_INVALID" in ran.err
    assert '"field":"model"' in ran.err.replace(" ", "")
    assert "at most 256" in ran.err


async def test_the_health_is_told(address: str) -> None:
    ran = await grpcurl(address, "grpc.health.v1.Health/Check")
    assert json.loads(ran.out) == {"status": "SERVING"}
