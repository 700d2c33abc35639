"""An upstream that is set up wrong, for each family: JobFailed has one sentence that says what to change."""

from __future__ import annotations

import pytest

from streamsvc.v1 import job_pb2, job_service_pb2
from tests.support.told_streams import FAMILIES, FOLDER, read, service, steps_of, told
from tests.support.upstream import Step, reply, sse

REQUEST = job_service_pb2.StartGenerationRequest(prompt="hi", model="no-such-model")
OTHER = {"anthropic": "openai_chat", "openai_chat": "openai_responses", "openai_responses": "anthropic"}


def refusal(code: str) -> dict[str, object]:
    """Return an error's body as both makers write it."""
    error = {"type": code, "code": code, "message": "said of hi"}
    return {"type": "error", "error": error}


async def failure(family: str, *steps: Step) -> job_pb2.JobError:
    async with service(family) as (upstream, client):
        upstream.expect(*steps)
        state = await told(client, REQUEST)
        state.job.error.message = state.job.error.message.replace(upstream.base_url, "URL")
    assert state.job.status == job_pb2.JOB_STATUS_FAILED
    assert "said of hi" not in str(state.job.error)
    assert "\n" not in state.job.error.message
    return state.job.error


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_missing_key(family: str) -> None:
    error = await failure(family, reply(401, refusal("authentication_error")))
    assert error.reason == "UPSTREAM_REJECTED"
    assert error.message.endswith("name the variable that holds one in api_key_env of [upstreams.told]")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("status", "code"), [(404, "not_found_error"), (400, "model_not_found")])
async def test_an_unknown_model(family: str, status: int, code: str) -> None:
    error = await failure(family, reply(status, refusal(code)))
    assert error.reason == "UPSTREAM_REJECTED"
    assert error.message.endswith("the model no-such-model or the endpoint URL is not there")


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_stream_of_another_family(family: str) -> None:
    error = await failure(family, *steps_of(read(FOLDER / OTHER[family] / "text.json")))
    assert (error.reason, error.retryable) == ("UPSTREAM_INVALID", False)
    assert error.message.endswith("check its kind and its base_url")


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_stream_that_is_none_of_any_family(family: str) -> None:
    error = await failure(family, sse(7))
    assert error.message.endswith("check its kind and its base_url")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("body", "media_type"), [("<html>", "text/html"), ({}, "application/json")])
async def test_a_page_instead_of_a_stream(family: str, body: object, media_type: str) -> None:
    error = await failure(family, reply(200, body))
    assert error.message.endswith(f"{media_type} instead of an event stream; check that its address is URL")
