"""The face for curl: JSON over HTTP, answers as server-sent events, errors as JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.integration.envoy.conftest import Edge
from tests.support.service import LIMIT

pytestmark = pytest.mark.asyncio(loop_scope="session")

Json = dict[str, Any]


@pytest_asyncio.fixture(loop_scope="session")
async def http(edge: Edge) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=edge.envoy.url, timeout=LIMIT) as client:
        yield client


async def started(http: httpx2.AsyncClient, **script: object) -> Json:
    """Start a job, and return it."""
    body = {"prompt": "why?", "parameters": {"extra_json": json.dumps(script)}}
    answer = await http.post("/v1/jobs", json=body)
    assert answer.status_code == 200, answer.text
    job: Json = answer.json()["job"]
    return job


async def messages(http: httpx2.AsyncClient, job_id: str, **query: str | int) -> AsyncIterator[Json]:
    """Follow a job by server-sent events."""
    async with http.stream("GET", f"/v1/jobs/{job_id}/stream", params=query) as response:
        assert response.headers["content-type"] == "text/event-stream"
        async for line in response.aiter_lines():
            if line:
                assert line.startswith("data: ")
                yield json.loads(line.removeprefix("data: "))


async def events(http: httpx2.AsyncClient, job_id: str, **query: str | int) -> list[Json]:
    """Return all events that a stream gives."""
    return [event async for message in messages(http, job_id, **query) for event in message.get("events", [])]


def refusal(answer: httpx2.Response) -> tuple[int, int, str]:
    """Return the status of HTTP, that of gRPC, and our reason."""
    body: Mapping[str, Any] = answer.json()
    (info,) = [detail for detail in body["details"] if detail["@type"].endswith("google.rpc.ErrorInfo")]
    assert info["domain"] == "streamsvc"
    return answer.status_code, body["code"], info["reason"]


async def test_a_job_is_started_followed_asked_for_listed_and_deleted(http: httpx2.AsyncClient) -> None:
    job_id = (await started(http, tokens=5, rate=0, pattern="count"))["id"]
    seen = await events(http, job_id)
    assert [event["offset"] for event in seen] == list(range(1, len(seen) + 1))
    assert "".join(event["text_delta"]["text"] for event in seen if "text_delta" in event) == "0 1 2 3 4 "
    assert "job_completed" in seen[-1]
    state = (await http.get(f"/v1/jobs/{job_id}")).json()["state"]
    assert state["parts"][0]["text"]["text"] == "0 1 2 3 4 "
    listed = (await http.get("/v1/jobs", params={"page_size": 5})).json()
    assert job_id in [job["id"] for job in listed["jobs"]]
    assert (await http.delete(f"/v1/jobs/{job_id}")).json() == {}
    assert refusal(await http.get(f"/v1/jobs/{job_id}")) == (404, 5, "JOB_NOT_FOUND")


async def test_a_stream_goes_on_from_a_cursor_and_the_job_is_cancelled(http: httpx2.AsyncClient) -> None:
    job_id = (await started(http, hang_after=3))["id"]
    seen: list[Json] = []
    epoch = ""
    async for message in messages(http, job_id):
        seen += message.get("events", [])
        epoch = message.get("epoch", epoch)
        if any("text_delta" in event for event in seen):
            break
    answer = await http.post(f"/v1/jobs/{job_id}:cancel", json={"reason": "enough"})
    assert answer.json()["job"]["id"] == job_id
    seen += await events(http, job_id, after_offset=seen[-1]["offset"], epoch=epoch, heartbeat_interval="1s")
    assert [event["offset"] for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1]["job_cancelled"] == {"reason": "enough"}


async def test_a_stream_begins_with_a_snapshot_where_one_is_asked_for(http: httpx2.AsyncClient) -> None:
    job_id = (await started(http, tokens=5, rate=0, pattern="count"))["id"]
    await events(http, job_id)
    (state,) = [
        message["snapshot"]
        async for message in messages(http, job_id, catch_up="CATCH_UP_MODE_SNAPSHOT")
        if "snapshot" in message
    ]
    assert state["parts"][0]["text"]["text"] == "0 1 2 3 4 "


async def test_what_a_job_asks_is_answered_once(http: httpx2.AsyncClient) -> None:
    asking = await started(http, tokens=1, rate=0, ask="question")
    await events(http, asking["id"])
    state = (await http.get(f"/v1/jobs/{asking['id']}")).json()["state"]
    (question,) = state["input_requests"]
    body = {
        "previous_job_id": asking["id"],
        "answers": [
            {"input_request_id": question["id"], "decision": "INPUT_DECISION_RESPOND", "json": '"In the evening."'}
        ],
    }
    job = (await http.post("/v1/jobs", json=body)).json()["job"]
    assert job["previous_job_id"] == asking["id"]
    (created, *_, last) = await events(http, job["id"])
    assert created["job_created"]["answers"][0]["json"] == '"In the evening."'
    assert "job_completed" in last
    second = await http.post("/v1/jobs", json=body)
    assert refusal(second) == (400, 9, "INPUT_ANSWERED")
    assert second.json()["details"][0]["metadata"]["job_id"] == job["id"]


async def test_a_message_may_be_larger_than_what_envoy_holds_of_others(http: httpx2.AsyncClient) -> None:
    prompt = "x" * 900_000
    body = {"prompt": prompt, "parameters": {"extra_json": '{"tokens": 1, "rate": 0}'}}
    job_id = (await http.post("/v1/jobs", json=body)).json()["job"]["id"]
    (created, *_) = await events(http, job_id)
    assert created["job_created"]["input"][0]["parts"][0]["text"]["text"] == prompt
    state = (await http.get(f"/v1/jobs/{job_id}")).json()["state"]
    assert state["input"][0]["parts"][0]["text"]["text"] == prompt


async def test_errors_are_json(http: httpx2.AsyncClient) -> None:
    assert refusal(await http.post("/v1/jobs", json={"model": "m"})) == (400, 3, "FIELD_INVALID")
    assert refusal(await http.get(f"/v1/jobs/{'0' * 32}/stream")) == (404, 5, "JOB_NOT_FOUND")
    answers = {
        "no such path": (await http.get("/v1/nothing"), 404),
        "no such option": (await http.get("/v1/jobs?nothing=1"), 400),
        "no JSON": (await http.post("/v1/jobs", content=b'{"prompt":'), 400),
        "too large": (await http.post("/v1/jobs", content=b"x" * 5_000_000), 413),
    }
    for name, (answer, status) in answers.items():
        assert (answer.status_code, answer.json()["status"]) == (status, status), name
        assert answer.json()["message"], name
